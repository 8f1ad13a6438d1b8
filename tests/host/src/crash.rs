//! What a filter must never do: the rules of the hosts, and what happens to those who break them.

use std::fmt;

use wasmi::errors::HostError;

use crate::personality::Personality;

/// A rule that was broken, and what the filter did. `Display` is the sentence a test fails with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    personality: Personality,
    did: String,
    rule: Rule,
}

impl Crash {
    pub(crate) fn new(personality: Personality, rule: Rule, did: impl Into<String>) -> Self {
        Self { personality, did: did.into(), rule }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { personality, did, rule } = self;
        write!(f, "{personality}: the filter {did}; {} (rule: {})", rule.consequence(*personality), rule.text())
    }
}

impl std::error::Error for Crash {}

impl HostError for Crash {}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $text:literal, apisix $apisix:literal, envoy $envoy:literal;)+) => {
        /// A rule of the hosts. Each is documented with where it comes from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rule { $($(#[$doc])* $name,)+ }

        impl Rule {
            /// The rule, in a clause.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What a host does to a filter that breaks it.
            #[must_use]
            pub const fn consequence(self, personality: Personality) -> &'static str {
                match (self, personality) {
                    $((Self::$name, Personality::Apisix) => $apisix, (Self::$name, Personality::Envoy) => $envoy,)+
                }
            }
        }
    };
}

rules! {
    /// Source: observed on wasm-nginx-module 0.7.0, in the headers and in the body phase; observed on Envoy 1.40.0.
    PauseIsPending: "`Pause` only while a call or a reply is pending, or more of the request is to come",
        apisix "the worker crashes (SIGSEGV)",
        envoy "the client hangs until the stream timeout of 300 s";
    /// Source: observed on wasm-nginx-module 0.7.0.
    RefusedCallIsNotPending: "a call that the host refused is not pending: reply and return `Continue`",
        apisix "the worker crashes (SIGSEGV)",
        envoy "the client hangs until the stream timeout of 300 s";
    /// Source: api7/wasm-nginx-module `lib/resty/proxy-wasm.lua`, `on_http_request`; Envoy: the stream stays stopped.
    CallLeadsOn: "what is called must be replied to, called again or passed on by intent",
        apisix "the request leaks to the route's upstream",
        envoy "the client hangs until the stream timeout of 300 s";
    /// Source: observed on Envoy 1.40.0.
    ContinueIsNotPending: "`Continue` on Envoy only without a pending call",
        apisix "the request is held until the call ends",
        envoy "the request leaks to the route's upstream while the call runs";
    /// Source: observed on Envoy 1.40.0.
    PassedOnIsOver: "a request that was passed on, even in part, is not answered any more",
        apisix "the route's upstream has already got the request",
        envoy "the route's upstream has already got the client's headers";
    /// Source: observed on wasm-nginx-module 0.7.0: static buffers; observed on Envoy 1.40.0: `BadArgument`.
    PseudoHeaders: "`:method`, `:path` and `:scheme`, on Envoy `:authority`, go with every call",
        apisix "the call takes that of an earlier request, or freed memory",
        envoy "the host refuses the call with `BadArgument`";
    /// Source: observed on Envoy 1.40.0; ledgetech/lua-resty-http `http.lua`, `_format_request`.
    CallHeaders: "names in a call are tokens, values have no CR, LF or NUL, `:path` has no space",
        apisix "the bytes go to the upstream as they are and split the request",
        envoy "the host answers the call itself, with 503 `invalid header value`";
    /// Source: read in Envoy's `AsyncClient`.
    Deadline: "every call has a deadline",
        apisix "a call without one waits for as long as nginx is set to",
        envoy "a timeout of 0 is no deadline at all, and the client hangs";
    /// Source: observed on wasm-nginx-module 0.7.0 and Envoy 1.40.0.
    ReplyStatus: "the status of a reply is 200 to 599",
        apisix "below 100 the worker crashes (SIGSEGV), and up to 199 the client hangs",
        envoy "the client hangs, or takes it for a switch of protocols";
    /// Source: observed on wasm-nginx-module 0.7.0 and nginx 1.29.2: nothing comes, with HTTP/2 an error of the stream;
    /// with a body of 2000 bytes or more a reply that breaks off.
    ClosingStatus: "408, 444 and 499 cannot be replied on APISIX",
        apisix "nginx closes the connection without an answer, or within it",
        envoy "they are statuses like others";
    /// Source: observed on Envoy 1.40.0.
    ReplyName: "the name of a header of a reply is a token",
        apisix "it goes out as it is and breaks the response",
        envoy "it goes out as it is and breaks the response";
    /// Source: observed on wasm-nginx-module 0.7.0 and Envoy 1.40.0.
    ReplyValue: "the value of a header of a reply has no CR, LF or NUL",
        apisix "it is percent-encoded and no longer what was meant",
        envoy "it splits the response";
    /// Source: observed on wasm-nginx-module 0.7.0 and Envoy 1.40.0.
    HostsHeaders: "`content-length`, hop-by-hop and pseudo headers of a reply belong to the host",
        apisix "they come out twice, and a wrong `content-length` truncates the reply or hangs the client",
        envoy "the host drops or overrides them";
    /// Source: observed on wasm-nginx-module 0.7.0 and nginx 1.29.2: 301, 302, 303, 307, 308 and all of 400 to 599.
    HasOwnBody: "an error or a redirect is replied with a body on APISIX",
        apisix "nginx makes its own HTML page of it",
        envoy "it goes out as it is";
    /// Source: observed on Envoy 1.40.0.
    StatusHasNoBody: "204, 205 and 304 have no body",
        apisix "the body does not belong to the response",
        envoy "it goes out with a wrong `content-length`";
    /// Source: observed on wasm-nginx-module 0.7.0.
    OneReply: "a request has one reply",
        apisix "the last status and body win, and the headers of both are sent",
        envoy "the second one is lost";
    /// Source: api7/wasm-nginx-module `ngx_http_wasm_module.c`, `ngx_http_wasm_handle_rc_before_proxy`.
    ReplyIsLast: "no call after a reply",
        apisix "the call goes first, and the reply is lost but for its headers",
        envoy "the call is cancelled with the request";
    /// Source: api7/wasm-nginx-module `ngx_http_wasm_module.c`, `ngx_http_wasm_handle_rc_before_proxy`.
    CallGoesFirst: "no reply on APISIX while a call is pending",
        apisix "the call goes first, and the reply is lost but for its headers",
        envoy "the reply cancels the call";
    /// Source: read in api7/wasm-nginx-module, observed on wasm-nginx-module 0.7.0.
    EmptyBody: "a body of size 0 is never read",
        apisix "the buffer still holds the body of an earlier request",
        envoy "there is nothing to read";
    /// Source: observed on wasm-nginx-module 0.7.0.
    BodyIsGone: "the body of the request is read in its own callback only",
        apisix "the buffer is gone, or holds the body of another request",
        envoy "there is no body yet";
    /// Source: observed on wasm-nginx-module 0.7.0.
    BufferBySize: "a buffer is read within its size, never with `usize::MAX`",
        apisix "the host answers `BadArgument`, at which the SDK panics",
        envoy "the host answers `BadArgument`, at which the SDK panics";
    /// Source: observed on wasm-nginx-module 0.7.0.
    NoHost: "neither `:authority` nor the whole map is read on APISIX where `host` is absent",
        apisix "the worker crashes (SIGSEGV)",
        envoy "the map lacks `:authority`";
    /// Source: observed on wasm-nginx-module 0.7.0; read in Envoy and proxy-wasm 0.2.5 `hostcalls.rs`.
    NoAnswer: "headers of an answer are never read when `num_headers` is 0",
        apisix "the host answers `NotFound`, at which the SDK panics",
        envoy "there is no map, at which the SDK panics";
    /// Source: observed on wasm-nginx-module 0.7.0 with proxy-wasm 0.2.5: `get_map_bytes` unwraps names. Values are safe.
    AnswerNames: "the headers of an answer are read one by one on APISIX, where a name may be of any bytes",
        apisix "the SDK panics on a name that is not UTF-8, and the plugin fails until the worker aborts",
        envoy "the host refuses an answer with such a name";
    /// Source: api7/wasm-nginx-module `ngx_http_wasm_api.c`: the pointers stay, the memory does not.
    AnswerIsGone: "an answer is read in its own callback only",
        apisix "the buffer is freed memory",
        envoy "there is no map, at which the SDK panics";
    /// Source: observed on wasm-nginx-module 0.7.0; observed on Envoy 1.40.0.
    KnownImports: "a module imports only what the host has",
        apisix "the module fails to load",
        envoy "the module fails to load";
    /// Source: observed on wasm-nginx-module 0.7.0.
    NoRequest: "no host call about a request outside its callbacks, such as in `on_configure` or `on_done`",
        apisix "the host answers `BadArgument`, at which the SDK panics",
        envoy "the host answers `BadArgument`, at which the SDK panics";
    /// Source: observed on wasm-nginx-module 0.7.0.
    DefinedVariables: "`set_property` on APISIX only for variables that nginx has",
        apisix "the host answers `NotFound`, at which the SDK panics",
        envoy "any property can be set";
    /// Source: observed on wasm-nginx-module 0.7.0.
    MissingServices: "no clock of the host, no ticks, no shared data, queues, gRPC or foreign functions on APISIX",
        apisix "the host answers `Unimplemented`, at which the SDK panics",
        envoy "the host has it";
    /// Source: none; a limit of this crate.
    NotPlayed: "this test host plays only what the filter needs",
        apisix "a real host may do it, but this one does not",
        envoy "a real host may do it, but this one does not";
    /// Source: observed on wasm-nginx-module 0.7.0 and Envoy 1.40.0.
    NoTrap: "a filter never panics, traps or exits",
        apisix "the plugin fails for every later request on the worker until nginx is reloaded",
        envoy "every later request on the worker gets an empty 503";
    /// Source: the imports of the built filter, `tests/imports.txt`.
    KnownWasi: "only clocks, the environment, output and exit are asked of WASI",
        apisix "it is not known to work",
        envoy "it is not known to work";
    /// Source: proxy-wasm/spec `abi-versions/v0.2.1`.
    OwnMemory: "addresses lie in the memory of the filter, and what lies there is well-formed",
        apisix "the host answers `InvalidMemoryAccess`, at which the SDK panics",
        envoy "the host answers `InvalidMemoryAccess`, at which the SDK panics";
    /// Source: read in Envoy: the callbacks of the response run for a local reply too.
    ReplyGoesOut: "the filter lets its own reply pass its response callbacks",
        apisix "the host takes no notice",
        envoy "the reply is held, and the client hangs";
    /// Source: observed on wasm-nginx-module 0.7.0.
    AnswerFits: "an answer to APISIX has fewer than 128 headers, which no filter can help",
        apisix "a buffer of the host overflows, and the worker crashes (SIGSEGV)",
        envoy "any number will do";
}
