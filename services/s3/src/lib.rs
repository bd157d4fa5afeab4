//! Amazon S3.
//!
//! Where things are: [`state`] has the rows, [`versions`] the rules of current and older versions,
//! `objects`, `multipart` and `copy` what makes and reads them, `listing` what lists them,
//! `bucket_config` everything that is configured on buckets, `notification` the events.
//!
//! Architecture invariants: no path is ever derived from a key, no bytes are copied by a copy or by
//! the completion of an upload, and every change of an object and the events about it are one
//! transaction.

mod absent_objects;
mod access;
mod acl;
mod body;
mod bucket_config;
mod buckets;
mod checksums;
mod conditions;
mod copy;
mod cross_origin;
mod encryption;
mod errors;
mod lifecycle;
mod listing;
mod metadata;
mod multipart;
mod notification;
mod object_lock;
mod objects;
mod policy;
mod post_object;
mod public_policy;
mod ranges;
mod restore;
mod state;
mod tagging;
mod validation;
mod versioning;
mod versions;

use cloudtwin_core::{Service, ValidationStyle};

#[expect(missing_docs, reason = "the names are the model's, and AWS's API reference is their documentation")]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

use api::*;

/// The service.
pub fn service() -> Service {
    Service::new(&api::SERVICE, api::OPERATIONS)
        .validation(ValidationStyle::Custom(validation::refusal))
        .cross_origin(cross_origin::BucketRules)
        .resources(access::Buckets)
        .op(CreateBucket, buckets::create_bucket)
        .op(DeleteBucket, buckets::delete_bucket)
        .op(HeadBucket, buckets::head_bucket)
        .op(ListBuckets, buckets::list_buckets)
        .op(GetBucketLocation, buckets::get_bucket_location)
        .op(PutObject, objects::put::put_object)
        .op(PostObject, post_object::post_object)
        .op(GetObject, objects::get::get_object)
        .op(HeadObject, objects::head::head_object)
        .op(DeleteObject, objects::delete::delete_object)
        .op(DeleteObjects, objects::delete::delete_objects)
        .op(GetObjectAttributes, objects::attributes::get_object_attributes)
        .op(CopyObject, copy::copy_object)
        .op(CreateMultipartUpload, multipart::create::create_multipart_upload)
        .op(UploadPart, multipart::parts::upload_part)
        .op(UploadPartCopy, multipart::part_copy::upload_part_copy)
        .op(CompleteMultipartUpload, multipart::complete::complete_multipart_upload)
        .op(AbortMultipartUpload, multipart::abort::abort_multipart_upload)
        .op(ListParts, multipart::list_parts::list_parts)
        .op(ListMultipartUploads, multipart::list_uploads::list_multipart_uploads)
        .op(RestoreObject, restore::restore_object)
        .op(ListObjects, listing::objects::list_objects)
        .op(ListObjectsV2, listing::objects::list_objects_v2)
        .op(ListObjectVersions, listing::versions::list_object_versions)
        .op(PutBucketVersioning, versioning::put_bucket_versioning)
        .op(GetBucketVersioning, versioning::get_bucket_versioning)
        .op(PutBucketTagging, tagging::put_bucket_tagging)
        .op(GetBucketTagging, tagging::get_bucket_tagging)
        .op(DeleteBucketTagging, tagging::delete_bucket_tagging)
        .op(PutObjectTagging, tagging::put_object_tagging)
        .op(GetObjectTagging, tagging::get_object_tagging)
        .op(DeleteObjectTagging, tagging::delete_object_tagging)
        .op(PutBucketAcl, acl::put_bucket_acl)
        .op(GetBucketAcl, acl::get_bucket_acl)
        .op(PutObjectAcl, acl::put_object_acl)
        .op(GetObjectAcl, acl::get_object_acl)
        .op(PutBucketPolicy, policy::put_bucket_policy)
        .op(GetBucketPolicy, policy::get_bucket_policy)
        .op(DeleteBucketPolicy, policy::delete_bucket_policy)
        .op(GetBucketPolicyStatus, policy::get_bucket_policy_status)
        .op(PutBucketLifecycleConfiguration, lifecycle::put)
        .op(GetBucketLifecycleConfiguration, lifecycle::get)
        .op(DeleteBucketLifecycle, lifecycle::delete)
        .op(PutBucketCors, bucket_config::cors::put)
        .op(GetBucketCors, bucket_config::cors::get)
        .op(DeleteBucketCors, bucket_config::cors::delete)
        .op(PutBucketEncryption, bucket_config::encryption::put)
        .op(GetBucketEncryption, bucket_config::encryption::get)
        .op(DeleteBucketEncryption, bucket_config::encryption::delete)
        .op(PutPublicAccessBlock, bucket_config::public_access::put)
        .op(GetPublicAccessBlock, bucket_config::public_access::get)
        .op(DeletePublicAccessBlock, bucket_config::public_access::delete)
        .op(PutBucketOwnershipControls, bucket_config::ownership::put)
        .op(GetBucketOwnershipControls, bucket_config::ownership::get)
        .op(DeleteBucketOwnershipControls, bucket_config::ownership::delete)
        .op(PutBucketWebsite, bucket_config::website::put)
        .op(GetBucketWebsite, bucket_config::website::get)
        .op(DeleteBucketWebsite, bucket_config::website::delete)
        .op(PutBucketReplication, bucket_config::replication::put)
        .op(GetBucketReplication, bucket_config::replication::get)
        .op(DeleteBucketReplication, bucket_config::replication::delete)
        .op(PutBucketLogging, bucket_config::logging::put)
        .op(GetBucketLogging, bucket_config::logging::get)
        .op(PutBucketAccelerateConfiguration, bucket_config::accelerate::put)
        .op(GetBucketAccelerateConfiguration, bucket_config::accelerate::get)
        .op(PutBucketRequestPayment, bucket_config::request_payment::put)
        .op(GetBucketRequestPayment, bucket_config::request_payment::get)
        .op(PutBucketAnalyticsConfiguration, bucket_config::analytics::put)
        .op(GetBucketAnalyticsConfiguration, bucket_config::analytics::get)
        .op(DeleteBucketAnalyticsConfiguration, bucket_config::analytics::delete)
        .op(ListBucketAnalyticsConfigurations, bucket_config::analytics::list)
        .op(PutBucketInventoryConfiguration, bucket_config::inventory::put)
        .op(GetBucketInventoryConfiguration, bucket_config::inventory::get)
        .op(DeleteBucketInventoryConfiguration, bucket_config::inventory::delete)
        .op(ListBucketInventoryConfigurations, bucket_config::inventory::list)
        .op(PutBucketMetricsConfiguration, bucket_config::metrics::put)
        .op(GetBucketMetricsConfiguration, bucket_config::metrics::get)
        .op(DeleteBucketMetricsConfiguration, bucket_config::metrics::delete)
        .op(ListBucketMetricsConfigurations, bucket_config::metrics::list)
        .op(PutBucketIntelligentTieringConfiguration, bucket_config::intelligent_tiering::put)
        .op(GetBucketIntelligentTieringConfiguration, bucket_config::intelligent_tiering::get)
        .op(DeleteBucketIntelligentTieringConfiguration, bucket_config::intelligent_tiering::delete)
        .op(ListBucketIntelligentTieringConfigurations, bucket_config::intelligent_tiering::list)
        .op(PutObjectLockConfiguration, object_lock::put_object_lock_configuration)
        .op(GetObjectLockConfiguration, object_lock::get_object_lock_configuration)
        .op(PutObjectRetention, object_lock::put_object_retention)
        .op(GetObjectRetention, object_lock::get_object_retention)
        .op(PutObjectLegalHold, object_lock::put_object_legal_hold)
        .op(GetObjectLegalHold, object_lock::get_object_legal_hold)
        .op(PutBucketNotificationConfiguration, notification::put_bucket_notification_configuration)
        .op(GetBucketNotificationConfiguration, notification::get_bucket_notification_configuration)
}
