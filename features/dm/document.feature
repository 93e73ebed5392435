@role:dm-client
Feature: Trees as documents
  What a client makes of a part of its tree that comes as one document (RD DM 1.3, 6.2; DM TNDS 1.2).

  @DM-HLF-010 @id:add
  Scenario: Several nodes are added as one document
    Given a client that has nothing where the server may add
    And the server wants to add two values below a node as one document
    When the client begins a session
    Then the client confirms that it has added it
    And the server reads both below the node

  @DM-HLF-010 @id:bad
  Scenario: A document with one bad node leaves nothing
    Given a client that has nothing where the server may add
    And the server wants to add a document with a number that is none
    When the client begins a session
    Then the client refuses the document
    And nothing is there

  @DM-HLF-010 @id:export
  Scenario: A part of the tree is given as one document
    Given a client to which the server has added two values below a node
    When the server asks for the node as a document
    Then the client gives it with both values

  @DM-HLF-010 @id:put-back
  Scenario: A document that a client gave makes what it was made of
    Given a client to which the server has added two values below a node
    When the server asks for the node as a document
    And the server removes the node, and adds the document that it was given
    Then the client confirms that it has added it
    And the server reads both below the node
