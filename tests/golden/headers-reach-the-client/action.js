function main() { return { headers: { test: "header" } }; }
