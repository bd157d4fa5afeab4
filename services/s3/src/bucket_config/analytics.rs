//! Storage class analysis.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::by_id::{self, configurations};
use super::configs::{self, Kind};
use crate::api::{
    AnalyticsConfiguration, DeleteBucketAnalyticsConfigurationInput,
    DeleteBucketAnalyticsConfigurationOutput, GetBucketAnalyticsConfigurationInput,
    GetBucketAnalyticsConfigurationOutput, ListBucketAnalyticsConfigurationsInput,
    ListBucketAnalyticsConfigurationsOutput, PutBucketAnalyticsConfigurationInput,
    PutBucketAnalyticsConfigurationOutput,
};
use crate::versions;

configurations! {
    Analytics, analytics_configuration, analytics_configuration_list, check,
    put PutBucketAnalyticsConfigurationInput PutBucketAnalyticsConfigurationOutput,
    get GetBucketAnalyticsConfigurationInput GetBucketAnalyticsConfigurationOutput,
    delete DeleteBucketAnalyticsConfigurationInput DeleteBucketAnalyticsConfigurationOutput,
    list ListBucketAnalyticsConfigurationsInput ListBucketAnalyticsConfigurationsOutput
}

fn check(_: &AnalyticsConfiguration) -> Result<(), AwsError> {
    Ok(())
}
