//! SQS as its users see it, in an in-process cloud.

mod dead_letters;
mod fifo_queues;
mod queue;
mod queues;
mod standard_queues;
mod wire;
