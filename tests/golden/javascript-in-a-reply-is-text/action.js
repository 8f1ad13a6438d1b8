function main() { return {"body":"let a;","headers":{"content-type":"text/javascript"}}; }
