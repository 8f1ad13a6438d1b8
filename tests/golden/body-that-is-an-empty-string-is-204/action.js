function main() { return {"body":""}; }
