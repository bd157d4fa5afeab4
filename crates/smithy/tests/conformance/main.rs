//! AWS's protocol conformance cases, seen from the server's side.
//!
//! The cases stand in `tests/protocol-tests`; its README explains them. Cases that only a client
//! can pass are skipped; cases that cannot hold for this server are listed, with the reason, in
//! `exceptions.rs`, and a listed case that passes fails the test, so that the list stays true.

#[cfg(test)]
mod compare;
#[cfg(test)]
mod eventstreams;
#[cfg(test)]
mod exceptions;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod model;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod run;
#[cfg(test)]
mod values;

macro_rules! conformance {
    ($($test:ident: $run:path, $protocol:literal;)*) => {
        $(#[test]
        fn $test() {
            $run($protocol);
        })*
    };
}

conformance! {
    requests_query: requests::run, "query";
    requests_ec2: requests::run, "ec2";
    requests_json_1_0: requests::run, "json-1.0";
    requests_json_1_1: requests::run, "json-1.1";
    requests_rest_json: requests::run, "rest-json";
    requests_rest_xml: requests::run, "rest-xml";
    requests_rpc_v2_cbor: requests::run, "rpc-v2-cbor";
    requests_rpc_v2_json: requests::run, "rpc-v2-json";
    responses_query: responses::run, "query";
    responses_ec2: responses::run, "ec2";
    responses_json_1_0: responses::run, "json-1.0";
    responses_json_1_1: responses::run, "json-1.1";
    responses_rest_json: responses::run, "rest-json";
    responses_rest_xml: responses::run, "rest-xml";
    responses_rpc_v2_cbor: responses::run, "rpc-v2-cbor";
    responses_rpc_v2_json: responses::run, "rpc-v2-json";
    malformed_rest_json: malformed::run_malformed, "rest-json";
    validation_rest_json: malformed::run_validation, "rest-json";
    eventstream_rest_json: eventstreams::run, "rest-json";
}
