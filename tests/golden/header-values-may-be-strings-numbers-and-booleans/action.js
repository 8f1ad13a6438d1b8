function main() { return { body: "x", headers: { "x-boolean": true, "x-number": 1.5, "x-string": "s" } }; }
