"""AWS's price list, as far as a dated table knows it: GetProducts, GetAttributeValues, DescribeServices."""
