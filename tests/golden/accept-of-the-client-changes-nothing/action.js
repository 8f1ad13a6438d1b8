function main() { return {"body":"hi"}; }
