// The part of Node that short actions use, and the side of the runtime contract that lives in the
// script world. Evaluates to a function of the host's natives; scripts see only what is put on globalThis.
// Source: apache/openwhisk-runtime-nodejs core/nodejsActionBase/{runner.js,src/service.js}
(function (host) {
  "use strict";
  // Taken now, so that a script that replaces them cannot change the contract.
  const { stringify, parse } = JSON;
  const { assign } = Object;
  const evaluate = globalThis.eval;
  const Compile = Function;
  const wellFormed = String.prototype.toWellFormed;
  const publish = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  const text = (value) => wellFormed.call(String(value));

  // ---- text and bytes

  const encodeUtf8 = (string) => {
    const escaped = unescape(encodeURIComponent(string));
    const bytes = new Uint8Array(escaped.length);
    for (let at = 0; at < escaped.length; at += 1) bytes[at] = escaped.charCodeAt(at);
    return bytes;
  };

  // Every wrong byte becomes U+FFFD.
  const decodeUtf8 = (bytes) => {
    const parts = [];
    let at = 0;
    while (at < bytes.length) {
      const lead = bytes[at];
      const more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : -1;
      let point = more === 0 ? lead : more < 0 ? -1 : lead & (0x3f >> more);
      for (let next = 1; point >= 0 && next <= more; next += 1) {
        const byte = bytes[at + next];
        point = (byte & 0xc0) === 0x80 ? (point << 6) | (byte & 0x3f) : -1;
      }
      const smallest = [0, 0x80, 0x800, 0x10000][more];
      const right = point >= 0 && point >= smallest && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
      parts.push(right ? String.fromCodePoint(point) : "\ufffd");
      at += right ? more + 1 : 1;
    }
    return parts.join("");
  };

  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const encodeBase64 = (bytes) => {
    const parts = [];
    for (let at = 0; at < bytes.length; at += 3) {
      const group = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      const left = bytes.length - at;
      parts.push(
        alphabet[group >> 18] + alphabet[(group >> 12) & 63] +
        (left > 1 ? alphabet[(group >> 6) & 63] : "=") + (left > 2 ? alphabet[group & 63] : "="),
      );
    }
    return parts.join("");
  };

  // As in Node: both alphabets, anything else is passed over, padding ends it.
  const decodeBase64 = (string) => {
    const bytes = [];
    let held = 0;
    let bits = 0;
    for (const char of string) {
      if (char === "=") break;
      const value = alphabet.indexOf(char === "-" ? "+" : char === "_" ? "/" : char);
      if (value < 0) continue;
      held = ((held << 6) | value) & 0xffff;
      bits += 6;
      if (bits >= 8) { bits -= 8; bytes.push((held >> bits) & 0xff); }
    }
    return Uint8Array.from(bytes);
  };

  class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(input = "") { return encodeUtf8(text(input)); }
  }

  const bytesOf = (input) => {
    if (input === undefined) return new Uint8Array(0);
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
    if (input instanceof ArrayBuffer) return new Uint8Array(input);
    throw new TypeError("expected an ArrayBuffer or a view of one");
  };

  class TextDecoder {
    constructor(label = "utf-8") {
      if (!/^utf-?8$/i.test(label)) throw new RangeError(`The "${label}" encoding is not supported`);
    }
    get encoding() { return "utf-8"; }
    decode(input) { return decodeUtf8(bytesOf(input)); }
  }

  const latin1 = (bytes) => {
    let out = "";
    for (const byte of bytes) out += String.fromCharCode(byte);
    return out;
  };

  const encodings = {
    utf8: [(string) => encodeUtf8(text(string)), (bytes) => decodeUtf8(bytes)],
    base64: [(string) => decodeBase64(text(string)), (bytes) => encodeBase64(bytes)],
    base64url: [
      (string) => decodeBase64(text(string)),
      (bytes) => encodeBase64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, ""),
    ],
    hex: [
      (string) => Uint8Array.from((String(string).match(/^(?:[0-9a-f]{2})*/i)[0].match(/../g) ?? []), (pair) => parseInt(pair, 16)),
      (bytes) => Array.prototype.map.call(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    ],
    latin1: [(string) => Uint8Array.from(String(string), (char) => char.charCodeAt(0)), latin1],
  };
  const aliases = { "utf-8": "utf8", binary: "latin1", ascii: "latin1" };
  const encodingOf = (name = "utf8") => {
    const lower = String(name).toLowerCase();
    const found = encodings[aliases[lower] ?? lower];
    if (!found) throw new TypeError(`Unknown encoding: ${name}`);
    return found;
  };

  class Buffer extends Uint8Array {
    static from(input, encoding, length) {
      if (typeof input === "string") return Buffer.#own(encodingOf(encoding)[0](input));
      if (input instanceof ArrayBuffer) return new Buffer(input, encoding, length);
      if (input?.type === "Buffer" && Array.isArray(input.data)) return Buffer.#own(Uint8Array.from(input.data));
      return Buffer.#own(Uint8Array.from(input));
    }
    static #own(bytes) { return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength); }
    static alloc(size, fill = 0) { return new Buffer(size).fill(fill); }
    static allocUnsafe(size) { return new Buffer(size); }
    static isBuffer(value) { return value instanceof Buffer; }
    static byteLength(value, encoding) {
      return typeof value === "string" ? encodingOf(encoding)[0](value).length : value.byteLength;
    }
    static concat(list) {
      const joined = new Buffer(list.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of list) { joined.set(part, at); at += part.length; }
      return joined;
    }
    toString(encoding, start = 0, end = this.length) { return encodingOf(encoding)[1](this.subarray(start, end)); }
    toJSON() { return { type: "Buffer", data: Array.from(this) }; }
    equals(other) { return this.length === other.length && this.every((byte, at) => byte === other[at]); }
    slice(start, end) { return this.subarray(start, end); }
  }

  publish("TextEncoder", TextEncoder);
  publish("TextDecoder", TextDecoder);
  publish("Buffer", Buffer);
  publish("btoa", (string) => encodeBase64(encodings.latin1[0](string)));
  publish("atob", (string) => latin1(decodeBase64(text(string))));

  // ---- console

  const inspect = (value, depth = 0, seen = []) => {
    switch (typeof value) {
      case "string": return depth === 0 ? value : `'${value.replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/\n/g, "\\n")}'`;
      case "bigint": return `${value}n`;
      case "symbol": return value.toString();
      case "function": return value.name ? `[Function: ${value.name}]` : "[Function (anonymous)]";
      case "object": break;
      default: return Object.is(value, -0) ? "-0" : String(value);
    }
    if (value === null) return "null";
    if (seen.includes(value)) return "[Circular *1]";
    if (value instanceof Error) return stackOf(value);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    const inside = [...seen, value];
    const show = (item) => inspect(item, depth + 1, inside);
    const braces = (open, items, close) => (items.length ? `${open} ${items.join(", ")} ${close}` : open + close);
    const shortened = (items) => (items.length > 100 ? [...items.slice(0, 100).map(show), `... ${items.length - 100} more items`] : items.map(show));
    if (Array.isArray(value)) return depth > 2 ? "[Array]" : braces("[", shortened(value), "]");
    if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.length}) ${braces("[", shortened(Array.from(value)), "]")}`;
    if (value instanceof Map) return `Map(${value.size}) ${braces("{", [...value].map(([key, item]) => `${show(key)} => ${show(item)}`), "}")}`;
    if (value instanceof Set) return `Set(${value.size}) ${braces("{", [...value].map(show), "}")}`;
    if (value instanceof Promise) return "Promise { ... }";
    const named = value.constructor?.name;
    const prefix = named && named !== "Object" ? `${named} ` : named ? "" : "[Object: null prototype] ";
    if (depth > 2) return `[${named || "Object"}]`;
    const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`);
    return prefix + braces("{", Object.entries(value).map(([name, item]) => `${key(name)}: ${show(item)}`), "}");
  };

  // A stack as Node shows it in the container: the engine's frames of the action, then those of the runtime.
  const runtimeFrames = [
    "/nodejsAction/runner.js:85:31",
    "new Promise (<anonymous>)",
    "NodeActionRunner.run (/nodejsAction/runner.js:82:16)",
    "doRun (/nodejsAction/src/service.js:207:31)",
    "NodeActionService.runCode (/nodejsAction/src/service.js:139:20)",
    "/nodejsAction/app.js:87:32",
    "Layer.handle [as handle_request] (/node_modules/express/lib/router/layer.js:95:5)",
    "next (/node_modules/express/lib/router/route.js:149:13)",
    "Route.dispatch (/node_modules/express/lib/router/route.js:119:3)",
  ].map((frame) => `    at ${frame}`);
  const stackOf = (error) => {
    const frames = String(error.stack ?? "").split("\n").filter((frame) => frame.includes("(<input>:"));
    const shown = frames.map((frame) => frame
      .replace(" at main (", " at NodeActionRunner.main [as userScriptMain] (")
      .replace("(<input>:", "(eval at NodeActionRunner.init (/nodejsAction/runner.js:53:23), <anonymous>:"));
    return [Error.prototype.toString.call(error), ...[...shown, ...runtimeFrames].slice(0, 10)].join("\n");
  };

  const format = (...args) => {
    let out = "";
    if (typeof args[0] === "string" && args.length > 1) {
      out = args.shift().replace(/%([sdifjoOc%])/g, (whole, kind) => {
        if (kind === "%") return "%";
        if (args.length === 0) return whole;
        const arg = args.shift();
        switch (kind) {
          case "s": return typeof arg === "object" ? inspect(arg, 1) : String(arg);
          case "d": return String(Number(arg));
          case "i": return String(parseInt(arg, 10));
          case "f": return String(parseFloat(arg));
          case "j": return stringify(arg);
          case "c": return "";
          default: return inspect(arg, 1);
        }
      });
      if (args.length) out += " ";
    }
    return out + args.map((arg) => inspect(arg)).join(" ");
  };

  const stdout = (...args) => host.log("stdout", text(format(...args)));
  const stderr = (...args) => host.log("stderr", text(format(...args)));
  const started = new Map();
  const counts = new Map();
  publish("console", {
    log: stdout, info: stdout, debug: stdout, error: stderr, warn: stderr,
    dir: (value) => stdout(inspect(value, 1)),
    table: stdout,
    trace: (...args) => stderr(`Trace: ${format(...args)}`),
    assert: (condition, ...args) => { if (!condition) stderr(args.length ? `Assertion failed: ${format(...args)}` : "Assertion failed"); },
    time: (label = "default") => { started.set(label, host.now()); },
    timeEnd: (label = "default") => { stdout(`${label}: ${(host.now() - started.get(label)).toFixed(3)}ms`); started.delete(label); },
    count: (label = "default") => { counts.set(label, (counts.get(label) ?? 0) + 1); stdout(`${label}: ${counts.get(label)}`); },
    group: stdout, groupEnd() {},
  });

  // ---- timers: the host asks for the next one whenever no promise job is left

  let serial = 0;
  const timers = new Map();
  const start = (callback, wait, again, args) => {
    if (typeof callback !== "function") throw new TypeError('The "callback" argument must be of type function.');
    const delay = Number(wait) >= 1 && Number(wait) <= 2147483647 ? Math.trunc(Number(wait)) : 1;
    serial += 1;
    const id = serial;
    timers.set(id, { due: host.now() + (again === null ? 0 : delay), again: again ? delay : 0, callback, args });
    const handle = { ref: () => handle, unref: () => handle, hasRef: () => true, [Symbol.toPrimitive]: () => id };
    return handle;
  };
  const stop = (handle) => { if (handle !== undefined && handle !== null) timers.delete(Number(handle)); };
  publish("setTimeout", (callback, wait, ...args) => start(callback, wait, false, args));
  publish("setInterval", (callback, wait, ...args) => start(callback, wait, true, args));
  publish("setImmediate", (callback, ...args) => start(callback, 0, null, args));
  for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) publish(name, stop);
  publish("queueMicrotask", (callback) => { Promise.resolve().then(callback); });

  // Runs at most one timer. Milliseconds until the next one, or -1 without any.
  const turn = () => {
    let first;
    for (const [id, timer] of timers) if (!first || timer.due < first.timer.due) first = { id, timer };
    if (!first) return -1;
    const wait = first.timer.due - host.now();
    if (wait > 0) return wait;
    if (first.timer.again) first.timer.due = host.now() + first.timer.again;
    else timers.delete(first.id);
    try {
      first.timer.callback(...first.timer.args);
    } catch (error) {
      stderr(error);
      process.exit(1);
    }
    return 0;
  };

  // ---- process and require

  const environment = {};
  const process = {
    env: environment,
    argv: ["node", "action"],
    version: "v20.0.0",
    versions: { node: "20.0.0" },
    platform: "linux",
    arch: "x64",
    pid: 1,
    exitCode: undefined,
    // The host stops the script at its next check, which a script cannot catch.
    exit() { host.exit(); for (;;); },
    cwd: () => "/nodejsAction",
    on: () => process,
    once: () => process,
    uptime: () => host.now() / 1000,
    nextTick: (callback, ...args) => { Promise.resolve().then(() => callback(...args)); },
    hrtime(previous) {
      const now = host.now();
      const pair = [Math.trunc(now / 1000), Math.trunc((now % 1000) * 1e6)];
      if (!previous) return pair;
      const nanos = (pair[0] - previous[0]) * 1e9 + pair[1] - previous[1];
      return [Math.floor(nanos / 1e9), nanos % 1e9];
    },
    memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
    stdout: { write: (chunk) => { stdout(String(chunk).replace(/\n$/, "")); return true; } },
    stderr: { write: (chunk) => { stderr(String(chunk).replace(/\n$/, "")); return true; } },
  };
  process.hrtime.bigint = () => BigInt(Math.trunc(host.now() * 1e6));
  publish("process", process);
  publish("global", globalThis);

  const promisify = (callback) => (...args) =>
    new Promise((resolve, reject) => callback(...args, (error, value) => (error ? reject(error) : resolve(value))));
  const createHmac = (algorithm, key) => {
    if (algorithm !== "sha256") throw new Error(`openwhisk-local has only HMACs with sha256, not with ${algorithm}`);
    const parts = [];
    const hmac = {
      update: (data, encoding) => { parts.push(Buffer.from(data, encoding)); return hmac; },
      digest: (encoding) => {
        const digest = Buffer.from(host.hmacSha256(Array.from(Buffer.from(key)), Array.from(Buffer.concat(parts))));
        return encoding === undefined ? digest : digest.toString(encoding);
      },
    };
    return hmac;
  };
  const timingSafeEqual = (one, other) => {
    if (one.length !== other.length) throw new RangeError("Input buffers must have the same byte length");
    return Buffer.from(one).equals(other);
  };
  const modules = {
    buffer: { Buffer, btoa: globalThis.btoa, atob: globalThis.atob },
    crypto: { createHmac, timingSafeEqual },
    process,
    timers: { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate },
    util: { format, promisify, inspect: (value) => inspect(value, 1), TextEncoder, TextDecoder },
  };
  const require = (name) => {
    const bare = String(name).replace(/^node:/, "");
    if (Object.hasOwn(modules, bare)) return modules[bare];
    const error = new Error(`Cannot find module '${name}': openwhisk-local has only ${Object.keys(modules).join(", ")}`);
    error.code = "MODULE_NOT_FOUND";
    throw error;
  };

  // ---- the runtime contract

  // Without memory for an error object, the engine throws null.
  const outOfMemory = (error) => error === null || (error instanceof InternalError && error.message === "out of memory");
  const spoken = (error) => { try { return text(error); } catch { return "[object]"; } };

  const serialized = (reason) => {
    if (!reason) return {};
    if (!(reason instanceof Error)) return typeof reason === "function" ? `[Function: ${reason.name || "anonymous"}]` : reason;
    return { ...reason, name: reason.name, message: reason.message, stack: stackOf(reason) };
  };

  let handler;
  const entry = /^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*$/;

  // Of the code alone: an open bracket at its end would be blamed on the lines put behind it.
  const syntaxError = (code) => {
    try { new Compile(code); } catch (error) { return error; }
  };

  const init = (code, main) => {
    try {
      const module = { exports: {} };
      const lookup = entry.test(main) ? `typeof ${main.split(".")[0]} !== "undefined" ? ${main} : undefined` : "undefined";
      const scope = evaluate(`(function (exports, module, require, __filename, __dirname) {${code}\nreturn ${lookup};\n})`);
      const found = scope.call(module.exports, module.exports, module, require, "/nodejsAction/action.js", "/nodejsAction");
      handler = found ?? module.exports[main] ?? globalThis[main];
    } catch (thrown) {
      const error = thrown instanceof SyntaxError ? syntaxError(code) ?? thrown : thrown;
      stderr(error);
      return outOfMemory(error) ? "memory" : `Initialization has failed due to: ${error instanceof Error ? stackOf(error) : spoken(error)}`;
    }
    return typeof handler === "function" ? "" : `Initialization has failed due to: Action entrypoint '${main}' is not a function.`;
  };

  const setEnvironment = (values) => { assign(environment, parse(values)); };

  // `settle` ends this activation; a late answer of an earlier one calls an old, spent `settle`.
  const run = async (values, settle) => {
    let value;
    try {
      value = handler(parse(values));
    } catch (error) {
      if (outOfMemory(error)) return settle("memory", "");
      stderr(error);
      return settle("failed", `An error has occurred: ${spoken(error)}`);
    }
    try {
      value = await value;
      if (value === undefined) value = {};
    } catch (reason) {
      // Scripts may well reject with null, so here it proves nothing.
      if (reason !== null && outOfMemory(reason)) return settle("memory", "");
      value = { error: serialized(reason) };
    }
    if (typeof value !== "object") {
      stderr(`Result must be of type object but has type "${typeof value}":`, value);
      return settle("failed", "The action did not return a dictionary.");
    }
    let answer;
    try {
      answer = stringify(value);
    } catch (error) {
      return outOfMemory(error) ? settle("memory", "") : settle("failed", "Internal error.");
    }
    return settle("returned", answer === undefined ? "" : text(answer));
  };

  return { init, setEnvironment, run, turn };
})
