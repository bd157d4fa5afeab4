//! Amazon SQS: standard and FIFO queues.
//!
//! Reading order: `state` (what is kept, and why so), `open_queue` (how messages become ready, in
//! flight, delayed and gone), `ready` and `fifo` (the order in which they are received), then the operations: `send`,
//! `receive`, `delete`, `visibility`, `batches`; `queues`, `attributes`, `tags`, `permissions`;
//! `dead_letter`, `move_tasks`. `queue_url` and `receipt_handle` read and write the two texts by
//! which clients name things; `developer_endpoint` is LocalStack's look into a queue.

use cloudtwin_core::{Service, ValidationStyle};

#[expect(missing_docs, reason = "the names are the model's, and AWS's API reference is their documentation")]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

mod access;
mod attributes;
mod batches;
mod dead_letter;
mod delete;
mod developer_endpoint;
mod errors;
mod fifo;
mod message_attributes;
mod move_tasks;
mod open_queue;
mod permissions;
mod queue_url;
mod queues;
mod ready;
mod receipt_handle;
mod receive;
mod send;
mod state;
mod tags;
mod visibility;

/// The service with all its operations.
pub fn service() -> Service {
    Service::new(&api::SERVICE, api::OPERATIONS)
        .validation(ValidationStyle::Custom(errors::of_violations))
        .resources(access::Queues)
        .stored_names(access::Queues)
        .op(api::AddPermission, permissions::add_permission)
        .op(api::CancelMessageMoveTask, move_tasks::cancel_message_move_task)
        .op(api::ChangeMessageVisibility, visibility::change_message_visibility)
        .op(api::ChangeMessageVisibilityBatch, visibility::change_message_visibility_batch)
        .op(api::CreateQueue, queues::create_queue)
        .op(api::DeleteMessage, delete::delete_message)
        .op(api::DeleteMessageBatch, delete::delete_message_batch)
        .op(api::DeleteQueue, queues::delete_queue)
        .op(api::GetQueueAttributes, attributes::get_queue_attributes)
        .op(api::GetQueueUrl, queues::get_queue_url)
        .op(api::ListDeadLetterSourceQueues, dead_letter::list_dead_letter_source_queues)
        .op(api::ListMessageMoveTasks, move_tasks::list_message_move_tasks)
        .op(api::ListQueueTags, tags::list_queue_tags)
        .op(api::ListQueues, queues::list_queues)
        .op(api::PurgeQueue, delete::purge_queue)
        .op(api::ReceiveMessage, receive::receive_message)
        .op(api::RemovePermission, permissions::remove_permission)
        .op(api::SendMessage, send::send_message)
        .op(api::SendMessageBatch, batches::send_message_batch)
        .op(api::SetQueueAttributes, attributes::set_queue_attributes)
        .op(api::StartMessageMoveTask, move_tasks::start_message_move_task)
        .op(api::TagQueue, tags::tag_queue)
        .op(api::UntagQueue, tags::untag_queue)
        .task(move_tasks::MOVE_MESSAGES, move_tasks::move_messages)
        .front_door(developer_endpoint::DeveloperEndpoint)
}
