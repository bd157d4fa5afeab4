# Results of jobs go into a bucket, which announces them to a queue.

resource "aws_s3_bucket" "results" {
  bucket        = "job-results"
  force_destroy = true
}

resource "aws_sqs_queue" "results" {
  name                       = "job-results"
  message_retention_seconds  = 86400
  max_message_size           = 2048
  visibility_timeout_seconds = 30
}

data "aws_iam_policy_document" "bucket_may_send" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.results.arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.results.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "results" {
  queue_url = aws_sqs_queue.results.id
  policy    = data.aws_iam_policy_document.bucket_may_send.json
}

resource "aws_s3_bucket_notification" "results" {
  bucket = aws_s3_bucket.results.id

  queue {
    queue_arn     = aws_sqs_queue.results.arn
    events        = ["s3:ObjectCreated:*"]
    filter_suffix = ".json"
  }

  depends_on = [aws_sqs_queue_policy.results]
}

output "bucket_name" { value = aws_s3_bucket.results.id }
output "queue_url" { value = aws_sqs_queue.results.id }
