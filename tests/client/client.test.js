// The official client, unmodified, drives openwhisk-local: what it sends must be understood, what it gets must suit it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import openwhisk from "openwhisk";
import { key, start, stored } from "./openwhisk-local.js";

let server;
let ow;

before(async () => {
  server = await start();
  ow = openwhisk({ apihost: server.url, api_key: key });
});
after(() => server?.stop());

const hello = "function main(params) { console.log('hello'); return { greeting: `hello ${params.name}` }; }";
const gone = { statusCode: 404, message: /The requested resource does not exist\./ };
const noPackage = (name) => ({ statusCode: 404, message: new RegExp(`The requested resource 'guest/${name}' does not exist\\.`) });

/** Every test has an action of its own, under the name of the test. */
const withAction = (name, action, more, check) =>
  test(name, async () => {
    const created = await ow.actions.create({ name, action, ...more });
    try {
      await check(name, created);
    } finally {
      await ow.actions.delete(name);
    }
  });

describe("actions", () => {
  withAction("create", hello, { params: { name: "x" }, annotations: { a: 1 }, limits: { timeout: 1000 } }, (name, created) => {
    assert.equal(created.name, name);
    assert.equal(created.namespace, "guest");
    assert.equal(created.version, "0.0.1");
    assert.equal(created.exec.kind, "nodejs:20");
    assert.equal(created.exec.code, hello);
    assert.deepEqual(created.parameters, [{ key: "name", value: "x" }]);
    assert.deepEqual(created.limits, { concurrency: 1, logs: 10, memory: 256, timeout: 1000 });
    const annotations = Object.fromEntries(created.annotations.map(({ key, value }) => [key, value]));
    assert.deepEqual(annotations, { a: 1, exec: "nodejs:20", "provide-api-key": false });
  });

  withAction("update", hello, { params: { name: "x" } }, async (name) => {
    const updated = await ow.actions.update({ name, action: "function main() { return { new: true }; }" });
    assert.equal(updated.version, "0.0.2");
    assert.deepEqual(updated.parameters, [{ key: "name", value: "x" }]);
    assert.deepEqual(await ow.actions.invoke({ name, blocking: true, result: true }), { new: true });
  });

  withAction("get", hello, {}, async (name) => {
    assert.equal((await ow.actions.get(name)).exec.code, hello);
    assert.equal((await ow.actions.get({ name, code: true })).exec.code, hello);
    const { exec } = await ow.actions.get({ name, code: false });
    assert.deepEqual(exec, { binary: false, kind: "nodejs:20" });
  });

  withAction("list", hello, {}, async (name) => {
    const [first] = await ow.actions.list();
    assert.equal(first.name, name);
    assert.deepEqual(first.exec, { binary: false });
    assert.equal((await ow.actions.list({ limit: 1 })).length, 1);
    assert.equal((await ow.actions.list({ count: true })).actions, 1);
    assert.deepEqual(await ow.actions.list({ skip: 1 }), []);
  });

  withAction("a name with spaces & signs", hello, {}, async (name) => {
    const result = await ow.actions.invoke({ name, params: { name: "you" }, blocking: true, result: true });
    assert.deepEqual(result, { greeting: "hello you" });
  });

  withAction("duplicate", hello, {}, async (name) => {
    await assert.rejects(ow.actions.create({ name, action: hello }), { statusCode: 409, message: /resource already exists/ });
  });

  test("what does not exist", async () => {
    await assert.rejects(ow.actions.get("missing"), gone);
    await assert.rejects(ow.actions.delete("missing"), gone);
    await assert.rejects(ow.actions.invoke("missing"), gone);
    await assert.rejects(ow.activations.get("0".repeat(32)), gone);
    await assert.rejects(ow.packages.get("missing"), noPackage("missing"));
  });

  test("a wrong key", async () => {
    const stranger = openwhisk({ apihost: server.url, api_key: key.replace("123z", "321z") });
    await assert.rejects(stranger.actions.list(), { statusCode: 401, message: /The supplied authentication is invalid/ });
  });
});

describe("invocations", () => {
  withAction("non-blocking", hello, {}, async (name) => {
    const { activationId } = await ow.actions.invoke(name);
    assert.match(activationId, /^[0-9a-f]{32}$/);
    const record = await stored(() => ow.activations.get(activationId));
    assert.deepEqual(record.response.result, { greeting: "hello undefined" });
  });

  withAction("blocking", hello, { params: { name: "bound" } }, async (name) => {
    const record = await ow.actions.invoke({ name, blocking: true });
    assert.deepEqual(record.logs, []);
    assert.equal(record.name, name);
    assert.deepEqual(record.response, { result: { greeting: "hello bound" }, size: 26, status: "success", success: true });
  });

  withAction("parameters", hello, { params: { name: "bound" } }, async (name) => {
    const result = await ow.actions.invoke({ name, blocking: true, result: true, params: { name: "sent" } });
    assert.deepEqual(result, { greeting: "hello sent" });
  });

  withAction("application error", "function main() { return { error: 'boom', more: 1 }; }", {}, async (name) => {
    await assert.rejects(ow.actions.invoke({ name, blocking: true }), (error) => {
      assert.equal(error.statusCode, 502);
      assert.match(error.message, /boom/);
      assert.deepEqual(error.error.response.result, { error: "boom" });
      assert.equal(error.error.response.status, "application error");
      return true;
    });
  });

  withAction("developer error", "function main() { throw new Error('bad'); }", {}, async (name) => {
    await assert.rejects(ow.actions.invoke({ name, blocking: true }), { statusCode: 502, message: /An error has occurred: Error: bad/ });
  });

  withAction("activation", hello, {}, async (name) => {
    const { activationId } = await ow.actions.invoke({ name, params: { name: "you" } });
    const result = await stored(() => ow.activations.result(activationId));
    assert.deepEqual(result.result, { greeting: "hello you" });
    assert.equal(result.success, true);
    const { logs } = await ow.activations.logs(activationId);
    assert.equal(logs.length, 1);
    assert.match(logs[0], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout: hello$/);
    const [latest] = await ow.activations.list({ limit: 1, name });
    assert.equal(latest.activationId, activationId);
    assert.equal(latest.statusCode, 0);
  });
});

describe("packages", () => {
  test("create, update, get, list, delete", async () => {
    const name = "shelf";
    const created = await ow.packages.create({ name });
    assert.deepEqual([created.name, created.version, created.annotations, created.binding], [name, "0.0.1", [], {}]);
    await assert.rejects(ow.packages.create({ name }), { statusCode: 409 });
    const updated = await ow.packages.update({ name, package: { parameters: [{ key: "name", value: "package" }] } });
    assert.equal(updated.version, "0.0.2");

    await ow.actions.create({ name: `${name}/hello`, action: hello });
    assert.deepEqual((await ow.packages.get(name)).actions.map((action) => action.name), ["hello"]);
    assert.deepEqual((await ow.packages.list()).map((item) => [item.name, item.binding]), [[name, false]]);
    const result = await ow.actions.invoke({ name: `${name}/hello`, blocking: true, result: true });
    assert.deepEqual(result, { greeting: "hello package" });

    await assert.rejects(ow.packages.delete(name), {
      statusCode: 409,
      message: /Package not empty \(contains 1 entity\)\. Set force param or delete package contents\./,
    });
    await ow.actions.delete(`/guest/${name}/hello`);
    await ow.packages.delete(name);
    await assert.rejects(ow.packages.get(name), noPackage(name));
  });

  test("binding", async () => {
    await ow.packages.create({ name: "provider", package: { parameters: [{ key: "name", value: "provider" }] } });
    await ow.actions.create({ name: "provider/hello", action: hello });
    const binding = { namespace: "_", name: "provider" };
    const bound = await ow.packages.create({ name: "bound", package: { binding, parameters: [{ key: "name", value: "binding" }] } });
    assert.deepEqual(bound.binding, { namespace: "guest", name: "provider" });
    const result = await ow.actions.invoke({ name: "bound/hello", blocking: true, result: true });
    assert.deepEqual(result, { greeting: "hello binding" });
    await assert.rejects(ow.actions.create({ name: "bound/other", action: hello }), {
      statusCode: 400,
      message: /Operation not permitted on package binding\./,
    });
    await ow.packages.delete("bound");
    await ow.actions.delete("provider/hello");
    await ow.packages.delete("provider");
  });
});

describe("sequences", () => {
  const increment = "function main({ n }) { return { n: n + 1 }; }";
  const stop = "function main() { return { error: 'stop' }; }";

  test("run one action after the other, up to an error", async () => {
    await ow.actions.create({ name: "increment", action: increment });
    await ow.actions.create({ name: "stop", action: stop });
    const created = await ow.actions.create({ name: "twice", sequence: ["/_/increment", "/guest/increment"] });
    assert.deepEqual(created.exec, { components: ["/guest/increment", "/guest/increment"], kind: "sequence" });
    const record = await ow.actions.invoke({ name: "twice", blocking: true, params: { n: 1 } });
    assert.deepEqual(record.response.result, { n: 3 });

    const sequence = await stored(() => ow.activations.get(record.activationId));
    assert.equal(sequence.logs.length, 2);
    const component = await stored(() => ow.activations.get(sequence.logs[0]));
    assert.equal(component.cause, record.activationId);

    await ow.actions.create({ name: "stopped", sequence: ["/_/increment", "/_/stop", "/_/increment"] });
    await assert.rejects(ow.actions.invoke({ name: "stopped", blocking: true, params: { n: 1 } }), (error) => {
      assert.equal(error.statusCode, 502);
      assert.deepEqual(error.error.response.result, { error: "stop" });
      return true;
    });
    await assert.rejects(ow.actions.create({ name: "broken", sequence: ["/_/missing"] }), {
      statusCode: 400,
      message: /Sequence component does not exist\./,
    });
    for (const name of ["stopped", "twice", "stop", "increment"]) await ow.actions.delete(name);
  });
});

describe("triggers and rules", () => {
  test("create, fire, disable, enable, delete", async () => {
    await ow.actions.create({ name: "fired", action: "function main({ __ow_headers, ...own }) { return own; }" });
    await ow.triggers.create({ name: "trigger", trigger: { parameters: [{ key: "bound", value: 1 }] } });
    const rule = await ow.rules.create({ name: "rule", trigger: "trigger", action: "fired" });
    assert.deepEqual([rule.status, rule.trigger, rule.action], ["active", { name: "trigger", path: "guest" }, { name: "fired", path: "guest" }]);
    assert.equal((await ow.triggers.get("trigger")).rules["guest/rule"].status, "active");

    const { activationId } = await ow.triggers.invoke({ name: "trigger", params: { sent: 2 } });
    const record = await stored(() => ow.activations.get(activationId));
    const [outcome] = record.logs.map((line) => JSON.parse(line));
    assert.deepEqual([outcome.success, outcome.rule, outcome.action], [true, "guest/rule", "guest/fired"]);
    const fired = await stored(() => ow.activations.get(outcome.activationId));
    assert.deepEqual(fired.response.result, { bound: 1, sent: 2 });

    await ow.rules.disable({ name: "rule" });
    assert.equal((await ow.rules.get("rule")).status, "inactive");
    await ow.rules.enable({ name: "rule" });
    assert.equal((await ow.rules.get("rule")).status, "active");
    assert.deepEqual((await ow.rules.list()).map(({ name }) => name), ["rule"]);
    assert.deepEqual((await ow.triggers.list()).map(({ name }) => name), ["trigger"]);

    await ow.rules.delete("rule");
    await ow.triggers.delete("trigger");
    await ow.actions.delete("fired");
    await assert.rejects(ow.triggers.get("trigger"), gone);
    await assert.rejects(ow.rules.get("rule"), gone);
  });
});

describe("namespaces", () => {
  test("list", async () => {
    assert.deepEqual(await ow.namespaces.list(), ["guest"]);
  });

  withAction("get", hello, {}, async (name) => {
    const found = await ow.namespaces.get("_");
    assert.deepEqual(found.actions.map((action) => action.name), [name]);
    assert.deepEqual([found.packages, found.triggers, found.rules], [[], [], []]);
  });
});
