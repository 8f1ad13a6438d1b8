async function main() { return { later: true }; }
