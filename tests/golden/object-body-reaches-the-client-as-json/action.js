function main() { return { body: { test: "body" } }; }
