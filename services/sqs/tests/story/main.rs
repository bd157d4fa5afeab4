//! SQS as its users see it, in an in-process cloud.

#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod fifo_queues;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod standard_queues;
#[cfg(test)]
mod wire;
