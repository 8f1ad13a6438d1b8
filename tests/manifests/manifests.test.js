// The manifests for Istio and Envoy Gateway against the published schemas of their resources (of Istio 1.29.2, and of the
// Gateway API and Envoy Gateway as they were then), packaged as @kubernetes-models. The validators know the values but let
// unknown fields pass, as Kubernetes does; the types made of the same schemas know the fields.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import ts from "typescript";
import { parseAllDocuments } from "yaml";

const manifests = ["istio.yaml", "istio-wasm-plugin.yaml", "istio-gateway-api.yaml", "envoy-gateway.yaml"];

const read = (name) => readFileSync(new URL(`../../envoy/${name}`, import.meta.url), "utf8");

const packages = { "istio.io": "istio", "gateway.networking.k8s.io": "gateway-api", "gateway.envoyproxy.io": "envoy-gateway" };

/** Where the schema of a resource is. */
const home = ({ apiVersion, kind }) => {
  const [group, version] = apiVersion.split("/");
  const [, name] = Object.entries(packages).find(([suffix]) => group.endsWith(suffix));
  return `@kubernetes-models/${name}/${group}/${version}/${kind}`;
};

/** What is wrong with the resources of a manifest. */
const mistakes = async (yaml) => {
  const all = parseAllDocuments(yaml).map((document) => document.toJS());
  // The schemas of Kubernetes itself are in another package.
  const resources = all.filter(({ apiVersion }) => apiVersion !== "v1");
  assert.ok(resources.length > 0);
  return [...(await wrongValues(resources)), ...unknownFields(resources)];
};

const wrongValues = async (resources) => {
  const found = [];
  for (const resource of resources) {
    const models = await import(home(resource));
    try {
      new models[resource.kind](resource).validate();
    } catch ({ message }) {
      found.push(`${resource.kind}: ${message}`);
    }
  }
  return found;
};

/** What the compiler of TypeScript says of the resources as literals of their types. */
const unknownFields = (resources) => {
  const lines = resources.map((resource, i) => {
    const type = `import("${home(resource)}").I${resource.kind}`;
    return `export const resource${i}: ${type} = ${JSON.stringify(resource)};`;
  });
  const options = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ES2022,
    types: [],
  };
  const path = fileURLToPath(new URL("resources.ts", import.meta.url));
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (name) => name === path || fileExists(name);
  host.getSourceFile = (name, ...more) =>
    name === path ? ts.createSourceFile(name, lines.join("\n"), ...more) : getSourceFile(name, ...more);
  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram([path], options, host));
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
};

for (const name of manifests) {
  test(`${name} is what its schemas ask for`, async () => assert.deepEqual(await mistakes(read(name)), []));
}

// What `openwhisk-envoy` writes for other configurations than that of the example.
const usual = { api_host: "https://ow.example/x", namespace: "guest", action: "a", action_errors: "hide", max_concurrency: 100 };
const tricky = ["a b", "<namespace>", "# x: y", 'e"f', "i\\j", "k\nl", "*m", "1", "no"];
const configurations = {
  "one action": [{}],
  "an address": [{ api_host: "http://[2001:db8::7]:3233", keepalive: false, timeout: 2500 }, "--route-prefix", "/x/y"],
  "whoever answers": [{ ssl_verify: false, keepalive_timeout: 31_536_000_000, max_req_body_size: 8_388_608 }, "--host", "*.a.example"],
  "several upstreams": [
    {
      service_token: "$ENV://OPENWHISK_A",
      routes: {
        near: {},
        far: { api_host: "http://ow.ns.svc.cluster.local:3233", service_token: "$ENV://OPENWHISK_B" },
        "far too": { api_host: "https://ow.example:8443", upstream: "third" },
      },
    },
    "--gateway", "infra/edge", "--secret", "ours",
  ],
  "names that are no plain words": [{ routes: Object.fromEntries(tricky.map((name) => [name, {}])) }],
};
const written = (plane, [attributes, ...options]) => {
  const program = fileURLToPath(new URL("../../target/release/openwhisk-envoy", import.meta.url));
  const input = JSON.stringify({ ...usual, ...attributes });
  return execFileSync(program, ["--for", plane, ...options], { input, encoding: "utf8", stdio: ["pipe", "pipe", "ignore"] });
};
for (const [about, configuration] of Object.entries(configurations)) {
  for (const plane of ["envoy-gateway", "istio"]) {
    test(`what is written for ${plane} is what its schemas ask for: ${about}`, async () =>
      assert.deepEqual(await mistakes(written(plane, configuration)), []));
  }
}

const slips = [
  ["istio-wasm-plugin.yaml", "failStrategy:", "failStrategi:"],
  ["istio-wasm-plugin.yaml", "FAIL_RELOAD\n", "FAIL_AGAIN\n"],
  ["istio.yaml", "INSERT_BEFORE", "INSERT_BEHIND"],
  ["istio.yaml", "idleTimeout:", "idleTimeot:"],
  ["istio-gateway-api.yaml", "backendRefs:", "backendRef:"],
  ["envoy-gateway.yaml", "credentialInjection:", "credentialinjection:"],
  ["envoy-gateway.yaml", "- { name: envoy.filters.http.buffer", "- { name: envoy.filters.http.bufer"],
  ["envoy-gateway.yaml", "limit: 1088Ki", "limit: large"],
];
for (const [name, from, to] of slips) {
  test(`${name} must not say ${to.trim()}`, async () => {
    const yaml = read(name);
    assert.ok(yaml.includes(from));
    assert.notDeepEqual(await mistakes(yaml.replace(from, to)), []);
  });
}
