function main() { return {"error":{"body":"sorry"}}; }
