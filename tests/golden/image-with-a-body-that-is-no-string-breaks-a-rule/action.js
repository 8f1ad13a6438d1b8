function main() {
  return { headers: { "content-type": "image/png" }, body: { type: "Buffer", data: [137, 80, 78, 71] } };
}
