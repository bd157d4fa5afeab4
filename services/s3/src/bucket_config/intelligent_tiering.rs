//! Intelligent tiering.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::by_id::{self, configurations};
use super::configs::{self, Kind};
use crate::api::{
    DeleteBucketIntelligentTieringConfigurationInput, DeleteBucketIntelligentTieringConfigurationOutput,
    GetBucketIntelligentTieringConfigurationInput, GetBucketIntelligentTieringConfigurationOutput,
    IntelligentTieringConfiguration, ListBucketIntelligentTieringConfigurationsInput,
    ListBucketIntelligentTieringConfigurationsOutput, PutBucketIntelligentTieringConfigurationInput,
    PutBucketIntelligentTieringConfigurationOutput,
};
use crate::versions;

configurations! {
    IntelligentTiering, intelligent_tiering_configuration, intelligent_tiering_configuration_list, check,
    put PutBucketIntelligentTieringConfigurationInput PutBucketIntelligentTieringConfigurationOutput,
    get GetBucketIntelligentTieringConfigurationInput GetBucketIntelligentTieringConfigurationOutput,
    delete DeleteBucketIntelligentTieringConfigurationInput DeleteBucketIntelligentTieringConfigurationOutput,
    list ListBucketIntelligentTieringConfigurationsInput ListBucketIntelligentTieringConfigurationsOutput
}

fn check(configuration: &IntelligentTieringConfiguration) -> Result<(), AwsError> {
    if configuration.tierings.is_empty() {
        return Err(crate::errors::malformed_xml());
    }
    Ok(())
}
