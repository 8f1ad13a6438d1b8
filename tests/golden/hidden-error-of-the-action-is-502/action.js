function main() { return {"error":{"stack":"at secret.js:7"}}; }
