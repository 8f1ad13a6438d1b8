function main() { return { packaged: true }; }
