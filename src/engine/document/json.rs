//! The schema validator reads a document's values as they are: nothing is copied for a valid document.

use std::borrow::Cow;
use std::ptr;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node as JsonNode, NodeIdentity, Object};
use serde_json::{Number, Value};

use super::{Content, Entry, Mapping, Node};

/// Documents, to the schema validator.
pub struct Tree;

/// A value of a document or, for `propertyNames`, one of its keys.
#[derive(Clone, Copy)]
pub enum TreeNode<'a> {
    /// A value.
    Value(&'a Node<'a>),
    /// A key.
    Key(&'a str),
}

impl Json for Tree {
    type Node<'a> = TreeNode<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    /// A lookup scans the entries, so visiting each entry once is cheaper from the second lookup on.
    const KEYS_PER_LOOKUP: usize = 2;
    /// Aliases were expanded when the tree was made.
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(TreeNode<'_>) -> T) -> T {
        f(TreeNode::Key(string))
    }
}

impl<'a> TreeNode<'a> {
    fn content(self) -> Option<&'a Content<'a>> {
        match self {
            Self::Value(node) => Some(&node.content),
            Self::Key(_) => None,
        }
    }

    fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Value(node) => node.as_str(),
            Self::Key(key) => Some(key),
        }
    }
}

impl<'a> JsonNode<'a, Tree> for TreeNode<'a> {
    type Object = &'a Mapping<'a>;
    type Array = &'a [Node<'a>];
    type Number = &'a Number;

    fn as_object(&self) -> Option<&'a Mapping<'a>> {
        if let Some(Content::Mapping(mapping)) = self.content() { Some(mapping) } else { None }
    }

    fn as_array(&self) -> Option<&'a [Node<'a>]> {
        if let Some(Content::Sequence(items)) = self.content() { Some(items) } else { None }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        (*self).as_str().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        if let Some(Content::Number(number)) = self.content() { Some(number) } else { None }
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Some(Content::Bool(value)) = self.content() { Some(*value) } else { None }
    }

    fn is_null(&self) -> bool {
        matches!(self.content(), Some(Content::Null))
    }

    fn json_type(&self) -> JsonType {
        match self.content() {
            Some(Content::Null) => JsonType::Null,
            Some(Content::Bool(_)) => JsonType::Boolean,
            Some(Content::Number(_)) => JsonType::Number,
            Some(Content::String(_)) | None => JsonType::String,
            Some(Content::Sequence(_)) => JsonType::Array,
            Some(Content::Mapping(_)) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match self {
            Self::Value(node) => jsonschema::json::cmp::equal(&node.to_value(), expected),
            Self::Key(key) => expected == key,
        }
    }

    /// What the validator's errors carry. Of lists and maps nothing: an error for each of many keys would carry all of
    /// them each time, and findings are made from the document anyway.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match self {
            Self::Value(Node { content: Content::Sequence(_) | Content::Mapping(_), .. }) => Value::Null,
            Self::Value(node) => node.to_value(),
            Self::Key(key) => Value::from(*key),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        match self {
            Self::Value(node) => Some(NodeIdentity::new(ptr::from_ref(*node).addr())),
            Self::Key(_) => None,
        }
    }
}

impl<'a> Object<'a, Tree> for &'a Mapping<'a> {
    type Node = TreeNode<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.entries().len()
    }

    fn get(&self, key: &Box<str>) -> Option<TreeNode<'a>> {
        self.entry(key).map(|entry| TreeNode::Value(&entry.value))
    }

    fn members(&self) -> Members<'a> {
        Members(self.entries().iter())
    }
}

impl<'a> Array<'a, Tree> for &'a [Node<'a>] {
    type Node = TreeNode<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        <[Node<'_>]>::len(self)
    }

    fn elements(&self) -> Elements<'a> {
        Elements(self.iter())
    }

    fn is_unique(&self) -> bool {
        let values: Vec<_> = self.iter().map(Node::to_value).collect();
        jsonschema::json::unique::is_unique(&values)
    }
}

/// The entries of a map.
pub struct Members<'a>(std::slice::Iter<'a, Entry<'a>>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, TreeNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|entry| (&*entry.key, TreeNode::Value(&entry.value)))
    }
}

/// The items of a list.
pub struct Elements<'a>(std::slice::Iter<'a, Node<'a>>);

impl<'a> Iterator for Elements<'a> {
    type Item = TreeNode<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(TreeNode::Value)
    }
}
