function main() { return {"body":"x","headers":{"content-type":"json"}}; }
