"""The paper's experiments on anyone's pictures, each ending in a JSON file, a Markdown table and a plot."""
