data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

output "account" { value = data.aws_caller_identity.current.account_id }
output "arn" { value = data.aws_caller_identity.current.arn }
output "region" { value = data.aws_region.current.name }
