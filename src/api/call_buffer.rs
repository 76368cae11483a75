//! The buffer in which JavaScript passes a request, and gets an answer that is there at once.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Result, TypeName, ValidateNapiValue};
use napi::{Error, Status, ValueType, check_status, sys};

/// The bytes of a Uint8Array. napi-rs's own types for these keep track of who borrows the bytes, which takes
/// as long as the rest of a call.
pub struct CallBuffer {
    start: *mut u8,
    length: usize,
}

impl CallBuffer {
    /// The bytes.
    ///
    /// # Safety
    /// The caller must be in the call that was passed the buffer, must not run JavaScript while it uses the
    /// bytes, and must pass the same buffer only once.
    pub unsafe fn into_slice<'call>(self) -> &'call mut [u8] {
        if self.start.is_null() {
            return &mut [];
        }
        // SAFETY: Node-API has given `length` bytes at `start`. They live as long as the JavaScript value,
        // which is an argument of the running call. The caller promises that nobody else uses them.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl TypeName for CallBuffer {
    fn type_name() -> &'static str {
        "Uint8Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ValidateNapiValue for CallBuffer {}

impl FromNapiValue for CallBuffer {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let (mut kind, mut length, mut start) = (0, 0, ptr::null_mut());
        // SAFETY: `env` and `value` are those of the running call. The pointers are to variables of the right
        // types, and null stands for what is not wanted.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                env,
                value,
                &raw mut kind,
                &raw mut length,
                &raw mut start,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        check_status!(status, "the buffer is no typed array")?;
        if kind != sys::TypedarrayType::uint8_array {
            return Err(Error::new(Status::InvalidArg, "the buffer is no Uint8Array"));
        }
        Ok(Self { start: start.cast(), length })
    }
}
