function main() { return { odd: true }; }
