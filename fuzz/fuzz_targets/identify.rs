#![no_main]
//! Lines: method, path and query, host, `X-Amz-Target`, `Authorization`, content type; then the body.
use std::sync::LazyLock;

use cloudtwin_core::{Cloud, CloudConfig};
use cloudtwin_smithy::ByteStream;
use cloudtwin_store::Db;
use tokio::runtime::Runtime;

static CLOUD: LazyLock<(Runtime, Cloud)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let db = Db::ephemeral().expect("a store");
    let cloud = {
        let _inside = runtime.enter();
        Cloud::start(db, CloudConfig::default(), Vec::new())
    };
    (runtime, cloud)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(7, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let request = http::Request::builder()
        .method(line())
        .uri(line())
        .header("host", line())
        .header("x-amz-target", line())
        .header("authorization", line())
        .header("content-type", line())
        .body(ByteStream::from(line().to_owned()));
    let Ok(request) = request else { return };
    let (runtime, cloud) = &*CLOUD;
    runtime.block_on(cloud.handle(request));
});
