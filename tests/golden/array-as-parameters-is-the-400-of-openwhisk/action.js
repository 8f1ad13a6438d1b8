function main() { return { ready: true }; }
