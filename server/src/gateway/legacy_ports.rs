//! The ports of LocalStack before 0.11, when every service had its own (4563-4599).
//!
//! The numbers are those of localstack-python-client and of LocalStack's README at 0.10.

use std::ops::RangeInclusive;

/// The ports that `--legacy-ports` opens.
pub(crate) const RANGE: RangeInclusive<u16> = 4563..=4599;

/// The service whose port this was, by its name in the health endpoint. Unsigned requests name no
/// service; on such a port they need not.
pub(crate) fn service(port: u16) -> Option<&'static str> {
    Some(match port {
        4567 => "apigateway",
        4568 => "kinesis",
        4569 => "dynamodb",
        4570 => "dynamodbstreams",
        4572 => "s3",
        4573 => "firehose",
        4574 => "lambda",
        4575 => "sns",
        4576 => "sqs",
        4577 => "redshift",
        4578 => "es",
        4579 => "ses",
        4580 => "route53",
        4581 => "cloudformation",
        4582 => "cloudwatch",
        4583 => "ssm",
        4584 => "secretsmanager",
        4585 => "stepfunctions",
        4586 => "logs",
        4587 => "events",
        4588 => "elb",
        4589 => "iot",
        4590 => "cognito-idp",
        4591 => "cognito-identity",
        4592 => "sts",
        4593 => "iam",
        4594 => "rds",
        4595 => "cloudsearch",
        4596 => "swf",
        4597 => "ec2",
        4598 => "elasticache",
        4599 => "kms",
        _ => return None,
    })
}
