function main() { return {"body":"hi","headers":{"Content-Type":"text/plain"}}; }
