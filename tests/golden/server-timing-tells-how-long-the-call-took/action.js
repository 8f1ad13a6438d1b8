function main() { return { a: 1 }; }
