function main() {
  const headers = { "X-Envoy-Immediate-Health-Check-Fail": "1", "x-envoy-overloaded": "true", "x-envoys": "1" };
  return { headers, body: "x" };
}
