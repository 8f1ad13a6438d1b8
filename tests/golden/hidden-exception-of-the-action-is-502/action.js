function main() { throw new Error("at secret.js:7"); }
