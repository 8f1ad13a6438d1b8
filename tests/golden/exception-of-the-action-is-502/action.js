function main() { throw new Error("bad"); }
