//! Amounts of CPU, memory and storage as Kubernetes writes them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An amount such as `250m`, `512Mi` or `10Gi`, always written as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Quantity {
    /// The amount in whole units (bytes, cores), or `None` where the text is no quantity.
    #[must_use]
    pub fn to_units(&self) -> Option<f64> {
        let split = self
            .0
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(self.0.len());
        let (number, suffix) = self.0.split_at(split);
        let factor = match suffix {
            "" => 1.0,
            "m" => 1e-3,
            "k" => 1e3,
            "M" => 1e6,
            "G" => 1e9,
            "T" => 1e12,
            "P" => 1e15,
            "Ki" => 1024_f64,
            "Mi" => 1024_f64.powi(2),
            "Gi" => 1024_f64.powi(3),
            "Ti" => 1024_f64.powi(4),
            "Pi" => 1024_f64.powi(5),
            _ => return None,
        };
        number.parse::<f64>().ok().map(|number| number * factor)
    }

    /// The amount in MiB, rounded down; 0 where the text is no quantity.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the schema bounds quantities far below 2^53 bytes, and they are never negative"
    )]
    pub fn to_mebibytes(&self) -> u64 {
        (self.to_units().unwrap_or(0.0) / 1024_f64.powi(2)) as u64
    }
}

/// Whole steps between two suffixes.
const BINARY: [&str; 6] = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
const DECIMAL: [&str; 6] = ["", "k", "M", "G", "T", "P"];

impl Quantity {
    /// The amount as the API server writes it (`1024Mi` as `1Gi`, `0.5` as `500m`): what is applied must equal what is stored,
    /// or it would be applied again after each restart. Text that is no quantity stays as it is.
    #[must_use]
    pub fn canonical(&self) -> String {
        let Some(units) = self.to_units() else {
            return self.0.clone();
        };
        let thousandths = (units * 1000.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the schema bounds quantities below 2^63 thousandths"
        )]
        let thousandths = thousandths as i128;
        if thousandths % 1000 != 0 {
            return format!("{thousandths}m");
        }
        let whole = thousandths / 1000;
        // Below one step binary amounts are written as plain numbers.
        if self.0.ends_with('i') && whole >= 1024 {
            suffixed(whole, 1024, &BINARY)
        } else {
            suffixed(whole, 1000, &DECIMAL)
        }
    }
}

/// With the largest suffix that leaves a whole number.
fn suffixed(mut amount: i128, step: i128, suffixes: &[&str]) -> String {
    let mut index = 0;
    while amount != 0 && amount % step == 0 && index + 1 < suffixes.len() {
        amount /= step;
        index += 1;
    }
    format!("{amount}{}", suffixes[index])
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // maxLength keeps the estimated cost of the CEL rules that parse quantities within the API server's budget.
        json_schema!({
            "type": "string",
            "pattern": r"^[0-9]{1,12}(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
            "maxLength": 20,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn suffixes_scale_as_kubernetes_says() {
        for (text, mebibytes) in [
            ("1Gi", 1024),
            ("512Mi", 512),
            ("1048576", 1),
            ("2097152000m", 2),
            ("1.5Gi", 1536),
        ] {
            assert_eq!(Quantity::from(text).to_mebibytes(), mebibytes, "{text}");
        }
    }

    #[test]
    fn amounts_are_written_as_the_api_server_writes_them() {
        for (written, stored) in [
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("2000M", "2G"),
            ("5000", "5k"),
            ("500", "500"),
            ("1Ki", "1Ki"),
            ("0", "0"),
            ("250m", "250m"),
            ("1048577", "1048577"),
        ] {
            assert_eq!(Quantity::from(written).canonical(), stored, "{written}");
        }
    }

    #[test]
    fn what_is_no_quantity_has_no_amount() {
        assert_eq!(Quantity::from("many").to_units(), None);
        assert_eq!(Quantity::from("1Zi").to_units(), None);
    }
}
