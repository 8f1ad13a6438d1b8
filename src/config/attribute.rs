//! The attributes of the configuration: one table, from which their names, levels, words, defaults and inheritance come.

use std::rc::Rc;

use crate::config::action::Name;
use crate::config::api_host::ApiHost;
use crate::config::bind::Bind;
use crate::config::call_headers::CallHeaders;
use crate::config::entry::Entry;
use crate::config::expected::{Expected, at_least, between, words};
use crate::config::object::Object;
use crate::config::path_template::PathTemplate;
use crate::config::read::Read;
use crate::config::secret::Secret;
use crate::config::settings::{ActionErrors, Mode, OnTimeout, ParametersFrom, Repeated, RequestBody, Response};

/// The longest `OpenWhisk` waits for an action, in milliseconds.
///
/// Source: apache/openwhisk@1fae641 `common/scala/src/main/resources/application.conf`,
/// `whisk.controller.activation.max-wait-for-blocking-activation`; a larger value is a 400.
const LONGEST_WAIT: u64 = 60_000;

/// One attribute: a row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// Where it may stand.
    pub levels: Levels,
    /// What stands for it where it is not given.
    pub default: DefaultValue,
    /// What it may be.
    pub expected: Expected,
    /// Whether it has no effect on `APISIX`.
    pub is_ignored_on_apisix: bool,
}

/// Where an attribute may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levels {
    /// At the top level only: it is about connections, which routes share, about the chain of filters, or about the
    /// routes themselves.
    Top,
    /// In a route, too.
    Both,
}

/// What stands for an attribute that is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// It must be given.
    Required,
    /// No value: what it is about is not done.
    Absent,
    /// This value, as JSON.
    Json(&'static str),
    /// What another attribute says.
    Derived,
}

/// What an attribute does on `APISIX`.
enum OnApisix<T> {
    /// What it does on Envoy.
    Works,
    /// It has no effect: everything is as if this value, or none, were given. The sentence warns of any other value.
    AsIf(Option<T>, &'static str),
}

impl<T> OnApisix<T> {
    const fn is_ignored(&self) -> bool {
        matches!(self, Self::AsIf(..))
    }
}

macro_rules! attributes {
    ($($(#[$about:meta])* $name:ident: $type:ty, $levels:ident, $default:expr, $expected:expr, $on_apisix:expr;)*) => {
        /// All attributes, in the order of the documentation.
        pub const ATTRIBUTES: &[Attribute] = &[$({
            const ON_APISIX: OnApisix<$type> = $on_apisix;
            Attribute {
                name: stringify!($name),
                levels: Levels::$levels,
                default: $default,
                expected: $expected,
                is_ignored_on_apisix: ON_APISIX.is_ignored(),
            }
        },)*];

        /// The attributes of one level of a configuration: the top level, a route, or the defaults.
        #[derive(Clone, Debug, Default)]
        pub struct Level {
            $($(#[$about])* pub $name: Entry<$type>,)*
        }

        impl Level {
            /// Takes those out of an object that may stand there, and reads them.
            pub(super) fn take_from(object: &mut Object<'_, '_>) -> Self {
                Self {$(
                    $name: if Levels::$levels == Levels::Both || object.is_top() {
                        const EXPECTED: Expected = $expected;
                        Read::read(object, stringify!($name), &EXPECTED)
                    } else {
                        Entry::Absent
                    },
                )*}
            }

            /// These attributes, and of those that are not given the ones of the level below.
            pub(super) fn or(self, below: &Self) -> Self {
                Self {$($name: self.$name.or(&below.$name),)*}
            }

            /// Notes those that must be given and are not.
            pub(super) fn note_missing(&self, object: &mut Object<'_, '_>) {
                $(if $default == DefaultValue::Required && matches!(self.$name, Entry::Absent | Entry::Null) {
                    const EXPECTED: Expected = $expected;
                    object.missing(stringify!($name), &EXPECTED);
                })*
            }

            /// A sentence for each attribute that is given and has no effect on `APISIX`.
            pub(super) fn ignored_on_apisix(&self) -> Vec<&'static str> {
                let mut sentences = Vec::new();
                $({
                    const ON_APISIX: OnApisix<$type> = $on_apisix;
                    if let (OnApisix::AsIf(as_if, sentence), Entry::Value(given)) = (ON_APISIX, &self.$name)
                        && as_if.as_ref() != Some(given)
                    {
                        sentences.push(sentence);
                    }
                })*
                sentences
            }
        }
    };
}

use self::DefaultValue::{Absent, Derived, Json, Required};
use self::OnApisix::{AsIf, Works};

attributes! {
    // name: type, levels, default, what it may be, on APISIX

    /// Where `OpenWhisk` is.
    api_host: Rc<ApiHost>, Both, Required, Expected::ApiHost, Works;

    /// Whether the certificate of an `https` host is verified.
    ssl_verify: bool, Top, Json("true"), Expected::Boolean, AsIf(
        Some(true),
        "`ssl_verify` is false, which has no effect on apisix: its wasm runtime always verifies certificates",
    );

    /// The key. Once read, `authorization` says it.
    service_token: Secret, Both, Absent, Expected::Token, Works;

    /// The header `authorization` of the calls.
    authorization: Secret, Both, Absent, Expected::Secret, Works;

    /// Further headers of the calls.
    call_headers: CallHeaders, Both, Absent, Expected::CallHeaders, Works;

    /// The namespace of the action.
    namespace: Name, Both, Required, Expected::Name, Works;

    /// The package of the action.
    package: Name, Both, Absent, Expected::Name, Works;

    /// The name of the action.
    action: Name, Both, Required, Expected::Name, Works;

    /// The trigger that is fired, in the place of an action.
    trigger: Name, Both, Absent, Expected::Name, Works;

    /// The same as `mode`, in another way. Once read, `mode` says it.
    result: bool, Both, Json("true"), Expected::Boolean, Works;

    /// What is done and answered.
    mode: Mode, Both, Json("\"result\""), Expected::Word(words::<Mode>), Works;

    /// What a result becomes.
    response: Response, Both, Json("\"shaped\""), Expected::Word(words::<Response>), Works;

    /// What the action receives.
    parameters: ParametersFrom, Both, Json("\"body\""), Expected::Word(words::<ParametersFrom>), Works;

    /// Which paths are served, and which parameters their segments are.
    path_template: PathTemplate, Both, Absent, Expected::PathTemplate, Works;

    /// A beginning of the path that the action does not see.
    path_prefix: String, Both, Absent, Expected::Path, Works;

    /// The headers with credentials that the action sees.
    forward_headers: Vec<&'static str>, Both, Absent, Expected::Credentials, Works;

    /// What the action receives of a field that comes several times.
    repeated: Repeated, Both, Json("\"last\""), Expected::Word(words::<Repeated>), Works;

    /// Parameters of the route itself.
    bind: Bind, Both, Absent, Expected::Bind, Works;

    /// How long `OpenWhisk` waits for the action, in milliseconds.
    timeout: u64, Both, Json("60000"), between(" of milliseconds", 1, LONGEST_WAIT), Works;

    /// What the client gets after that.
    on_timeout: OnTimeout, Both, Json("\"error\""), Expected::Word(words::<OnTimeout>), Works;

    /// Where the client finds the result of an activation whose id it got.
    location: String, Both, Absent, Expected::Path, Works;

    /// What the client gets of an error that the action did not shape.
    action_errors: ActionErrors, Both, Json("\"pass\""), Expected::Word(words::<ActionErrors>), Works;

    /// Whether the reply tells how long things took.
    server_timing: bool, Both, Json("false"), Expected::Boolean, Works;

    /// How often a call that did not reach `OpenWhisk` is tried again.
    retries: u64, Both, Json("0"), between("", 0, 5), AsIf(
        Some(0),
        "`retries` has no effect on apisix: its wasm runtime makes each call once",
    );

    /// How many calls of the action may be open at once on a worker.
    max_concurrency: u64, Both, Absent, at_least(" of calls", 1), Works;

    /// Whether connections are kept for later calls.
    keepalive: bool, Top, Json("true"), Expected::Boolean, Works;

    /// How long an idle connection is kept, in milliseconds.
    keepalive_timeout: u64, Top, Json("60000"), at_least(" of milliseconds", 1000), AsIf(
        None,
        "`keepalive_timeout` has no effect on apisix: its wasm runtime keeps idle connections as long as it sees fit",
    );

    /// Ignored: the `APISIX` plugin has it, so its configurations are accepted.
    keepalive_pool: u64, Top, Json("5"), at_least("", 1), AsIf(
        None,
        "`keepalive_pool` has no effect on apisix: its wasm runtime keeps up to 30 idle connections",
    );

    /// The largest body of a request, in bytes.
    max_req_body_size: u64, Both, Json("67108864"), at_least(" of bytes", 1), Works;

    /// The host's name for `OpenWhisk`.
    upstream: Rc<str>, Both, Derived, Expected::Upstream, Works;

    /// How a request is held until its body is complete.
    request_body: RequestBody, Top, Json("\"pause\""), Expected::Word(words::<RequestBody>), AsIf(
        Some(RequestBody::Pause),
        "`request_body` has no effect on apisix: its wasm runtime holds every request",
    );

    /// A level of its own for each route. Read by `Config`, so this level keeps no value of it.
    routes: (), Top, Absent, Expected::Routes, Works;
}

/// The names of the attributes that may stand at some levels.
#[must_use]
pub fn names(levels: &[Levels]) -> Vec<&'static str> {
    ATTRIBUTES.iter().filter(|row| levels.contains(&row.levels)).map(|row| row.name).collect()
}
