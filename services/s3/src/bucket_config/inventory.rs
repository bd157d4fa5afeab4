//! Inventory reports.

use cloudtwin_core::{Arn, Ctx};
use cloudtwin_smithy::AwsError;

use super::by_id::{self, configurations};
use super::configs::{self, Kind};
use crate::api::{
    DeleteBucketInventoryConfigurationInput, DeleteBucketInventoryConfigurationOutput,
    GetBucketInventoryConfigurationInput, GetBucketInventoryConfigurationOutput, InventoryConfiguration,
    ListBucketInventoryConfigurationsInput, ListBucketInventoryConfigurationsOutput,
    PutBucketInventoryConfigurationInput, PutBucketInventoryConfigurationOutput,
};
use crate::versions;

configurations! {
    Inventory, inventory_configuration, inventory_configuration_list, check,
    put PutBucketInventoryConfigurationInput PutBucketInventoryConfigurationOutput,
    get GetBucketInventoryConfigurationInput GetBucketInventoryConfigurationOutput,
    delete DeleteBucketInventoryConfigurationInput DeleteBucketInventoryConfigurationOutput,
    list ListBucketInventoryConfigurationsInput ListBucketInventoryConfigurationsOutput
}

fn check(configuration: &InventoryConfiguration) -> Result<(), AwsError> {
    let bucket = &configuration.destination.s3_bucket_destination.bucket;
    match bucket.parse::<Arn>() {
        Ok(arn) if arn.service == "s3" => Ok(()),
        _ => Err(AwsError::new("InvalidS3DestinationBucket", 400, "Invalid bucket ARN.")),
    }
}
