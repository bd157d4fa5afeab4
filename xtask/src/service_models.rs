//! `models/<service>.json`: the API models of the services we have or plan, and the index of all others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::botocore::Botocore;
use crate::convert::convert;
use crate::failure::{Context, Result};
use crate::generated::Generated;
use crate::model::Model;
use crate::{overlay, patch, routing_index};

/// Services with a full model and a permission table, by botocore's directory names.
pub(crate) const SERVICES: [&str; 19] = [
    "apigateway",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "dynamodbstreams",
    "ec2",
    "events",
    "iam",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "organizations",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
];

/// Generates every model and the routing index.
pub(crate) fn generate(models: &Path, source: &mut Botocore, generated: &mut Generated) -> Result<()> {
    let mut finished = BTreeMap::new();
    for service in SERVICES {
        let model = load(service, source, models)?;
        generated.add(format!("{service}.json"), model.render()?);
        finished.insert(service.to_owned(), model);
    }
    generated.add("index.json", routing_index::render(source, &finished)?);
    Ok(())
}

/// One service's finished model: converted, completed by the overlay, corrected by our patches.
pub(crate) fn load(service: &str, source: &mut Botocore, models: &Path) -> Result<Model> {
    let mut model = convert(service, &source.model(service)?, source.paginators(service)?.as_ref())?;
    overlay::apply(service, &mut model).context(format_args!("overlay of {service}"))?;
    let path = models.join("patches").join(format!("{service}.json"));
    if let Ok(text) = fs::read_to_string(&path) {
        let file: Value = serde_json::from_str(&text).context(path.display())?;
        patch::apply(&file, &mut model).context(path.display())?;
    }
    model.simplify().context(service)?;
    Ok(model)
}
