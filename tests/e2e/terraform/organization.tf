# An organization with a unit, an account in it and a policy on it.

provider "aws" {
  alias                       = "organizations"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    organizations = var.endpoint
  }
}

resource "aws_organizations_organization" "this" {
  provider                      = aws.organizations
  feature_set                   = "ALL"
  enabled_policy_types          = ["SERVICE_CONTROL_POLICY"]
  aws_service_access_principals = ["guardduty.amazonaws.com"]
}

resource "aws_organizations_organizational_unit" "workloads" {
  provider  = aws.organizations
  name      = "workloads"
  parent_id = aws_organizations_organization.this.roots[0].id
}

resource "aws_organizations_account" "prod" {
  provider  = aws.organizations
  name      = "prod"
  email     = "prod@corp.test"
  parent_id = aws_organizations_organizational_unit.workloads.id
  tags      = { stage = "prod" }
}

resource "aws_organizations_policy" "no_buckets" {
  provider = aws.organizations
  name     = "no-buckets"
  type     = "SERVICE_CONTROL_POLICY"
  content = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Deny", Action = "s3:CreateBucket", Resource = "*" }]
  })

  depends_on = [aws_organizations_organization.this]
}

resource "aws_organizations_policy_attachment" "workloads" {
  provider  = aws.organizations
  policy_id = aws_organizations_policy.no_buckets.id
  target_id = aws_organizations_organizational_unit.workloads.id
}

output "account" { value = aws_organizations_account.prod.id }
