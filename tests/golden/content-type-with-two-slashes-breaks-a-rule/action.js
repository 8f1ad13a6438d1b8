function main() { return {"body":"x","headers":{"content-type":"a/b/c"}}; }
