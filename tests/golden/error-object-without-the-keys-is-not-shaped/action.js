function main() { return { error: { reason: "boom" } }; }
