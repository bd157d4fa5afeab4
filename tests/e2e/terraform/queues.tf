variable "delay" {
  type    = number
  default = 5
}

resource "aws_sqs_queue" "dead" {
  name                      = "dead-letters"
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue" "main" {
  name                       = "main"
  delay_seconds              = var.delay
  max_message_size           = 4096
  message_retention_seconds  = 345600
  receive_wait_time_seconds  = 10
  visibility_timeout_seconds = 45
  sqs_managed_sse_enabled    = true
  tags                       = { team = "blue" }

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 2
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.main.arn]
  })
}

resource "aws_sqs_queue" "ordered" {
  name                        = "ordered.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
}

resource "aws_sqs_queue_policy" "main" {
  queue_url = aws_sqs_queue.main.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AnyoneInTheAccount"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::000000000000:root" }
      Action    = ["sqs:SendMessage", "sqs:ReceiveMessage"]
      Resource  = aws_sqs_queue.main.arn
    }]
  })
}

output "main" { value = aws_sqs_queue.main.url }
output "dead" { value = aws_sqs_queue.dead.url }
output "ordered" { value = aws_sqs_queue.ordered.url }
