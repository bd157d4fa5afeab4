//! Request metrics.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::by_id::{self, configurations};
use super::configs::{self, Kind};
use crate::api::{
    DeleteBucketMetricsConfigurationInput, DeleteBucketMetricsConfigurationOutput,
    GetBucketMetricsConfigurationInput, GetBucketMetricsConfigurationOutput,
    ListBucketMetricsConfigurationsInput, ListBucketMetricsConfigurationsOutput, MetricsConfiguration,
    PutBucketMetricsConfigurationInput, PutBucketMetricsConfigurationOutput,
};
use crate::versions;

configurations! {
    Metrics, metrics_configuration, metrics_configuration_list, check,
    put PutBucketMetricsConfigurationInput PutBucketMetricsConfigurationOutput,
    get GetBucketMetricsConfigurationInput GetBucketMetricsConfigurationOutput,
    delete DeleteBucketMetricsConfigurationInput DeleteBucketMetricsConfigurationOutput,
    list ListBucketMetricsConfigurationsInput ListBucketMetricsConfigurationsOutput
}

fn check(_: &MetricsConfiguration) -> Result<(), AwsError> {
    Ok(())
}
