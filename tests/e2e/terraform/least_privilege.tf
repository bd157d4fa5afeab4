# A small stack whose bucket has a new name with every apply.

resource "aws_s3_bucket" "results" {
  bucket_prefix = "least-"
  force_destroy = true
  tags          = { team = "blue" }
}

resource "aws_s3_bucket_versioning" "results" {
  bucket = aws_s3_bucket.results.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_object" "readme" {
  bucket  = aws_s3_bucket.results.id
  key     = "docs/readme.txt"
  content = "hello"
}

resource "aws_sqs_queue" "jobs" {
  name = "least-privilege-jobs"
  tags = { team = "blue" }
}

resource "aws_iam_role" "worker" {
  name = "least-privilege-worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "worker" {
  name = "read-results"
  role = aws_iam_role.worker.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.results.arn}/*" }]
  })
}

resource "aws_iam_instance_profile" "worker" {
  name = "least-privilege-worker"
  role = aws_iam_role.worker.name
}
