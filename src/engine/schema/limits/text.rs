//! The forms of the texts that several rules name: names, keys of labels, patterns of names.

use schemars::Schema;

use crate::engine::expression;

/// What a string may be.
pub(super) struct Text {
    /// The least number of characters.
    pub(super) min: u32,
    /// The greatest number of characters.
    pub(super) max: u32,
    /// What it must match, and that in words.
    pub(super) form: Option<(&'static str, &'static str)>,
}

impl Text {
    /// Writes the limit into a string's schema.
    pub(super) fn limit(&self, schema: &mut Schema) {
        schema.insert("type".to_owned(), "string".into());
        if self.min > 0 {
            schema.insert("minLength".to_owned(), self.min.into());
        }
        schema.insert("maxLength".to_owned(), self.max.into());
        if let Some((pattern, message)) = self.form {
            schema.insert("pattern".to_owned(), pattern.into());
            schema.insert("patternErrorMessage".to_owned(), message.into());
        }
    }

    pub(super) fn schema(&self) -> Schema {
        let mut schema = Schema::default();
        self.limit(&mut schema);
        schema
    }
}

/// `when`: the length that its compiler takes. What it may say, no schema can tell.
pub(super) const WHEN: Text = Text { min: 1, max: expression::LENGTH_AT_MOST, form: None };

/// `metadata.name`: a DNS subdomain (RFC 1123), as the API server takes it.
pub(super) const NAME: Text = Text {
    min: 1,
    max: 253,
    form: Some((
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "must consist of lower-case letters, digits, - and ., and begin and end with a letter or digit",
    )),
};

/// A DNS label (RFC 1123), such as the name of a namespace.
pub(super) const DNS_LABEL: Text = Text {
    min: 1,
    max: 63,
    form: Some((
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must consist of lower-case letters, digits and -, and begin and end with a letter or digit",
    )),
};

/// A pattern of names of classes.
pub(super) const NAME_GLOB: Text = Text {
    min: 1,
    max: 253,
    form: Some((
        r"^[a-z0-9*]([-a-z0-9.*]*[a-z0-9*])?$",
        "must consist of lower-case letters, digits, -, . and * for any characters, and not begin or end with - or .",
    )),
};

/// A pattern of `controllerName`s.
pub(super) const CONTROLLER_NAME_GLOB: Text = Text {
    min: 1,
    max: 253,
    form: Some((
        r"^[a-z0-9*][-A-Za-z0-9/._~%!$&'()*+,;=:]*$",
        "must be a controllerName such as example.com/gateway-controller, in which * stands for any characters",
    )),
};

/// A namespace of parameters, or none.
pub(super) const PARAMETERS_NAMESPACE: Text = Text {
    min: 0,
    max: 63,
    form: Some((
        r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must be the name of a namespace, or empty for cluster-scoped parameters",
    )),
};

/// A kind of parameters.
pub(super) const GROUP_KIND: Text = Text {
    min: 1,
    max: 317,
    form: Some((
        r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?/[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        "must be a group and a kind such as gateway.example.com/Parameters, or /ConfigMap in the core group",
    )),
};

/// The value of a label.
pub(super) const LABEL: Text = Text {
    min: 0,
    max: 63,
    form: Some((
        r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        "must consist of letters, digits, -, _ and ., and begin and end with a letter or digit",
    )),
};

/// The key of a label, where one is asked for: a qualified name, whoever it belongs to.
pub(super) const LABEL_KEY: Text = Text {
    min: 1,
    max: 317,
    form: Some((
        r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$",
        "must be a name such as team, or with a domain before it: example.com/team",
    )),
};
