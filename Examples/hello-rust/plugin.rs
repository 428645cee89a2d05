//! A plugin in Rust, without a crate: one function tool, hello_greet. `make` builds hello.so.
//!
//! The host reads the manifest, calls `gateway_plugin_v1` once, asks for the catalogue, and then calls `invoke`
//! whenever somebody uses the tool, from several threads at once. docs/abi.md has the documents and the rules.
mod gateway;

use gateway::{json, Bytes, Host, Invoke, Lifecycle, Manifest, Negotiation, Sink};
use std::ffi::c_void;
use std::sync::OnceLock;

/// Who this is, readable without running it. Id and version are those of the catalogue below.
#[used]
#[link_section = ".gateway.manifest"]
static MANIFEST: Manifest = Manifest::new("hello", "0.1.0");

/// What the host tells callers and models. docs/abi.md lists every member.
const CATALOGUE: &str = r#"{
  "plugin": {"id": "hello", "version": "0.1.0", "title": "A first plugin"},
  "tools": [{
    "name": "hello_greet", "kind": "function", "title": "Greet somebody",
    "description": "Greets somebody by name.",
    "examples": [{"title": "Amina", "arguments": {"name": "Amina"}}],
    "input_schema": {
      "type": "object",
      "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Whom to greet."}},
      "required": ["name"], "additionalProperties": false
    },
    "output_schema": {
      "type": "object", "properties": {"greeting": {"type": "string"}},
      "required": ["greeting"], "additionalProperties": false
    },
    "annotations": {
      "read_only": true, "destructive": false, "idempotent": true, "open_world": false, "money_moving": false
    }
  }],
  "operations": [], "needs": {}
}"#;

static HOST: OnceLock<Host> = OnceLock::new();

extern "C" fn describe(_: *mut c_void, output: Sink) -> i32 {
    output.put(CATALOGUE)
}

extern "C" fn configure(_: *mut c_void, _settings: Bytes, _reason: Sink) -> i32 {
    gateway::OK
}

/// The tool. It may complete here, or later from a thread of its own, but exactly once.
extern "C" fn invoke(_: *mut c_void, invocation: u64, tool: u32, arguments: Bytes, _meta: Bytes) -> i32 {
    let Some(host) = HOST.get() else { return gateway::INTERNAL };
    if tool != 0 {
        return gateway::NOT_SUPPORTED;
    }
    let Some(name) = json::text(unsafe { arguments.slice() }, "name") else { return gateway::INVALID_ARGUMENT };
    let greeting = json::quote(&format!("Karibu, {name}!"));
    host.complete(invocation, gateway::OK, &format!("{{\"greeting\":{greeting}}}"));
    gateway::OK
}

/// What this plugin offers; anything else is answered with null.
extern "C" fn find(_: *mut c_void, id: Bytes) -> *const c_void {
    static LIFECYCLE: Lifecycle = Lifecycle { describe, configure };
    static FUNCTIONS: Invoke = Invoke { invoke };
    match unsafe { id.slice() } {
        b"lifecycle/1" => &LIFECYCLE as *const Lifecycle as *const c_void,
        b"invoke/1" => &FUNCTIONS as *const Invoke as *const c_void,
        _ => std::ptr::null(),
    }
}

/// # Safety
/// Called by the host, once.
#[no_mangle]
pub unsafe extern "C" fn gateway_plugin_v1(negotiation: *mut Negotiation) -> i32 {
    // Linkers drop what nothing refers to, and older ones a manifest too.
    std::hint::black_box(&MANIFEST);
    let Some(negotiation) = negotiation.as_mut() else { return gateway::INVALID_ARGUMENT };
    match Host::meet(negotiation) {
        Ok(host) => {
            HOST.get_or_init(|| host);
            negotiation.plugin_interface = Some(find);
            gateway::OK
        }
        Err(status) => status,
    }
}
