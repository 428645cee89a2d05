//! The tool protocol for Rust: the C headers (include/gateway/*.h) in Rust's words, and the few things that every
//! plugin does. Sizes are checked when it is compiled, so that it cannot drift from the headers unnoticed.
#![allow(dead_code)]

use std::ffi::c_void;

pub const LEVEL: u32 = 1;
// Statuses: what each means stands in docs/abi.md, section 8.
pub const OK: i32 = 0;
pub const ACCEPTED: i32 = 1;
pub const INPUT_REQUIRED: i32 = 2;
pub const INVALID_ARGUMENT: i32 = 10;
pub const UNAUTHENTICATED_UPSTREAM: i32 = 11;
pub const PERMISSION_DENIED: i32 = 12;
pub const NOT_FOUND: i32 = 13;
pub const CONFLICT: i32 = 14;
pub const RATE_LIMITED: i32 = 15;
pub const UPSTREAM_REJECTED: i32 = 16;
pub const UPSTREAM_UNAVAILABLE: i32 = 17;
pub const OUTCOME_UNKNOWN: i32 = 18;
pub const CANCELLED: i32 = 19;
pub const DEADLINE: i32 = 20;
pub const NOT_SUPPORTED: i32 = 21;
pub const INTERNAL: i32 = 22;
pub const TOO_LARGE: i32 = 23;
pub const ALREADY_COMPLETED: i32 = 24;
pub const UNKNOWN_INVOCATION: i32 = 25;

/// A borrowed view of bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    pub data: *const u8,
    pub length: u64,
}

impl Bytes {
    pub fn of(bytes: &[u8]) -> Bytes {
        Bytes { data: bytes.as_ptr(), length: bytes.len() as u64 }
    }

    /// # Safety
    /// Only within the call that lent the bytes.
    pub unsafe fn slice<'a>(self) -> &'a [u8] {
        if self.length == 0 { &[] } else { std::slice::from_raw_parts(self.data, self.length as usize) }
    }
}

/// Where a function puts its output.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sink {
    pub context: *mut c_void,
    pub write: extern "C" fn(*mut c_void, Bytes) -> i32,
}

impl Sink {
    pub fn put(self, text: &str) -> i32 {
        (self.write)(self.context, Bytes::of(text.as_bytes()))
    }
}

#[repr(C)]
pub struct Manifest {
    pub magic: [u8; 8],
    pub revision: u32,
    pub level_min: u32,
    pub level_max: u32,
    pub flags: u32,
    pub id: [u8; 64],
    pub version: [u8; 32],
    pub runtime: [u8; 32],
    pub sdk: [u8; 32],
}

/// Text padded with zeros, as the manifest wants it.
pub const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut index = 0;
    while index < text.len() {
        bytes[index] = text.as_bytes()[index];
        index += 1;
    }
    bytes
}

impl Manifest {
    pub const fn new(id: &str, version: &str) -> Manifest {
        Manifest {
            magic: *b"GATEWAY\0",
            revision: 1,
            level_min: LEVEL,
            level_max: LEVEL,
            flags: 0,
            id: padded(id),
            version: padded(version),
            runtime: padded("rust"),
            sdk: padded(""),
        }
    }
}

#[repr(C)]
pub struct Negotiation {
    pub host_level_min: u32,
    pub host_level_max: u32,
    pub isolation: u32,
    pub reserved: u32,
    pub host_name: Bytes,
    pub host_version: Bytes,
    pub host: *mut c_void,
    pub host_interface: extern "C" fn(*mut c_void, Bytes) -> *const c_void,
    pub level: u32,
    pub refused: u32,
    pub refusal_reason: Bytes,
    pub plugin: *mut c_void,
    pub plugin_interface: Option<extern "C" fn(*mut c_void, Bytes) -> *const c_void>,
}

/// "lifecycle/1"
#[repr(C)]
pub struct Lifecycle {
    pub describe: extern "C" fn(*mut c_void, Sink) -> i32,
    pub configure: extern "C" fn(*mut c_void, Bytes, Sink) -> i32,
}

/// "invoke/1"
#[repr(C)]
pub struct Invoke {
    pub invoke: extern "C" fn(*mut c_void, u64, u32, Bytes, Bytes) -> i32,
}

/// "operation/1"
#[repr(C)]
pub struct Operation {
    pub prepare: extern "C" fn(*mut c_void, u32, Bytes, Sink) -> i32,
    pub interpret: extern "C" fn(*mut c_void, u32, Bytes, Bytes, Sink) -> i32,
    pub query: extern "C" fn(*mut c_void, u32, Bytes, Sink) -> i32,
    pub render: extern "C" fn(*mut c_void, u32, Bytes, Sink) -> i32,
}

/// "selftest/1"
#[repr(C)]
pub struct SelfTest {
    pub selftest: extern "C" fn(*mut c_void, Sink) -> i32,
}

/// "drain/1"
#[repr(C)]
pub struct Drain {
    pub drain: extern "C" fn(*mut c_void) -> i32,
    pub in_flight: extern "C" fn(*mut c_void) -> u64,
}

/// "cancel/1"
#[repr(C)]
pub struct Cancel {
    pub cancel: extern "C" fn(*mut c_void, u64) -> i32,
}

/// "timer/1"
#[repr(C)]
pub struct Timer {
    pub fire: extern "C" fn(*mut c_void, u64, Bytes, Bytes) -> i32,
}

/// "prompt/1"
#[repr(C)]
pub struct Prompt {
    pub get: extern "C" fn(*mut c_void, u32, Bytes, Sink) -> i32,
}

/// "resource/1"
#[repr(C)]
pub struct Resource {
    pub read: extern "C" fn(*mut c_void, u32, Sink) -> i32,
}

/// "x-prompt/2", a draft
#[repr(C)]
pub struct AskingPrompt {
    pub get: extern "C" fn(*mut c_void, u64, u32, Bytes, Bytes) -> i32,
}

/// "x-resource/2", a draft
#[repr(C)]
pub struct Template {
    pub read: extern "C" fn(*mut c_void, u64, u32, Bytes, Bytes) -> i32,
}

/// "x-argument-completion/1", a draft
#[repr(C)]
pub struct ArgumentCompletion {
    pub complete: extern "C" fn(*mut c_void, u64, Bytes, Bytes) -> i32,
}

/// Host "progress/1"
#[repr(C)]
pub struct Progress {
    pub progress: extern "C" fn(*mut c_void, u64, u32, Bytes) -> i32,
    pub is_cancelled: extern "C" fn(*mut c_void, u64) -> i32,
}

/// Host "log/1"
#[repr(C)]
pub struct Log {
    pub log: extern "C" fn(*mut c_void, u64, u32, Bytes, Bytes) -> i32,
}

/// Host "clock/1"
#[repr(C)]
pub struct Clock {
    pub now_ms: extern "C" fn(*mut c_void) -> i64,
    pub monotonic_ns: extern "C" fn(*mut c_void) -> u64,
}

/// What the host calls with the answer of a service.
pub type Answered = extern "C" fn(*mut c_void, i32, Bytes);

/// Host "call/1"
#[repr(C)]
pub struct Call {
    pub call: extern "C" fn(*mut c_void, u64, Bytes, Bytes, Answered, *mut c_void) -> i32,
}

/// Host "thread-check/1"
#[repr(C)]
pub struct ThreadCheck {
    pub is_plugin_thread: extern "C" fn(*mut c_void) -> i32,
}

/// Host "complete/1"
#[repr(C)]
pub struct Complete {
    pub complete: extern "C" fn(*mut c_void, u64, i32, Bytes) -> i32,
}

const _: () = assert!(size_of::<Bytes>() == 16 && size_of::<Sink>() == 16);
const _: () = assert!(size_of::<Manifest>() == 184 && size_of::<Negotiation>() == 104);
const _: () = assert!(size_of::<Lifecycle>() == 16 && size_of::<Operation>() == 32 && size_of::<Invoke>() == 8);
const _: () = assert!(size_of::<SelfTest>() == 8 && size_of::<Drain>() == 16 && size_of::<Cancel>() == 8);
const _: () = assert!(size_of::<Timer>() == 8 && size_of::<Prompt>() == 8 && size_of::<Resource>() == 8);
const _: () = assert!(size_of::<AskingPrompt>() == 8 && size_of::<Template>() == 8);
const _: () = assert!(size_of::<ArgumentCompletion>() == 8);
const _: () = assert!(size_of::<Complete>() == 8 && size_of::<Progress>() == 16 && size_of::<Log>() == 8);
const _: () = assert!(size_of::<Clock>() == 16 && size_of::<Call>() == 8 && size_of::<ThreadCheck>() == 8);

/// The host, as calls may reach it from any thread.
#[derive(Clone, Copy)]
pub struct Host {
    host: *mut c_void,
    completion: *const Complete,
    /// Null where the host has no services.
    services: *const Call,
}

unsafe impl Send for Host {}
unsafe impl Sync for Host {}

impl Host {
    /// Checks the level and finds what the host offers.
    ///
    /// # Safety
    /// `negotiation` is what the host gave to `gateway_plugin_v1`, and not null.
    pub unsafe fn meet(negotiation: &mut Negotiation) -> Result<Host, i32> {
        if negotiation.host_level_min > LEVEL || negotiation.host_level_max < LEVEL {
            return Err(NOT_SUPPORTED);
        }
        let found = (negotiation.host_interface)(negotiation.host, Bytes::of(b"complete/1"));
        if found.is_null() {
            return Err(NOT_SUPPORTED);
        }
        let services = (negotiation.host_interface)(negotiation.host, Bytes::of(b"call/1"));
        negotiation.level = LEVEL;
        Ok(Host { host: negotiation.host, completion: found as *const Complete, services: services as *const Call })
    }

    /// Ends a call with its output, or, with another status than OK, an object `{code, message}`.
    pub fn complete(&self, invocation: u64, status: i32, payload: &str) -> i32 {
        unsafe { ((*self.completion).complete)(self.host, invocation, status, Bytes::of(payload.as_bytes())) }
    }

    /// Asks a service of the host, such as `store.get`, with an object (docs/abi.md, section 9).
    ///
    /// `answered` is handed the status and the answer once, from any thread, perhaps before this returns; it is dropped
    /// unasked where another status than OK is returned.
    pub fn call<F>(&self, invocation: u64, service: &str, request: &str, answered: F) -> i32
    where
        F: FnOnce(i32, &[u8]) + Send + 'static,
    {
        extern "C" fn hand_over<F: FnOnce(i32, &[u8])>(context: *mut c_void, status: i32, answer: Bytes) {
            // The host calls once, with what it was given for this very call.
            let answered = unsafe { Box::from_raw(context as *mut F) };
            answered(status, unsafe { answer.slice() });
        }
        if self.services.is_null() {
            return NOT_SUPPORTED;
        }
        let context = Box::into_raw(Box::new(answered));
        let (service, request) = (Bytes::of(service.as_bytes()), Bytes::of(request.as_bytes()));
        let status = unsafe {
            ((*self.services).call)(self.host, invocation, service, request, hand_over::<F>, context as *mut c_void)
        };
        if status != OK {
            drop(unsafe { Box::from_raw(context) });
        }
        status
    }
}

/// Reads the members of the one object that a call's arguments are. The host has validated them already.
pub mod json {
    /// The value of a member of the outermost object, from its first byte on.
    fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let (mut at, mut depth) = (0, 0);
        while at < object.len() {
            match object[at] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return None;
                    }
                }
                b'"' => {
                    let start = at + 1;
                    at = start;
                    while at < object.len() && object[at] != b'"' {
                        at += if object[at] == b'\\' { 2 } else { 1 };
                    }
                    let rest = object.get(at + 1..)?.trim_ascii_start();
                    if depth == 1 && rest.first() == Some(&b':') && &object[start..at] == name.as_bytes() {
                        return Some(rest[1..].trim_ascii_start());
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// A member that is an object, to look into with these functions in turn.
    pub fn object<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
        // It may reach beyond that object's end, where nobody looks.
        member(object, name).filter(|value| value.first() == Some(&b'{'))
    }

    /// A member that is text, decoded.
    pub fn text(object: &[u8], name: &str) -> Option<String> {
        let value = member(object, name)?;
        let mut chars = std::str::from_utf8(value).ok()?.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                '"' => return Some(text),
                '\\' => match chars.next()? {
                    'u' => text.push(unicode(&mut chars)?),
                    'b' => text.push('\u{8}'),
                    'f' => text.push('\u{c}'),
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
    }

    fn unicode(chars: &mut std::str::Chars) -> Option<char> {
        let first = unit(chars)?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first);
        }
        (chars.next()? == '\\' && chars.next()? == 'u').then_some(())?;
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + unit(chars)?.checked_sub(0xDC00)?)
    }

    /// Four hexadecimal digits.
    fn unit(chars: &mut std::str::Chars) -> Option<u32> {
        (0..4).try_fold(0, |value, _| Some(value << 4 | chars.next()?.to_digit(16)?))
    }

    /// A member that is a whole number.
    pub fn integer(object: &[u8], name: &str) -> Option<i64> {
        let value = member(object, name)?;
        let end = value.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-').unwrap_or(value.len());
        std::str::from_utf8(&value[..end]).ok()?.parse().ok()
    }

    /// Text with quotes and escapes, for output.
    pub fn quote(text: &str) -> String {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('"');
        for character in text.chars() {
            match character {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                character if (character as u32) < 0x20 => quoted.push_str(&format!("\\u{:04x}", character as u32)),
                character => quoted.push(character),
            }
        }
        quoted.push('"');
        quoted
    }
}
